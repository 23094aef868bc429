//! From SVG to PNG with the fonts this program carries.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use super::FigureError;

const REGULAR: &[u8] = include_bytes!("../../assets/DejaVuSans.ttf");
const OBLIQUE: &[u8] = include_bytes!("../../assets/DejaVuSans-Oblique.ttf");

/// Dots an inch in the image, where the SVG has 96 units an inch.
const RESOLUTION: f32 = 300.0;

pub(super) fn encode(svg: &str) -> Result<Vec<u8>, FigureError> {
    let mut options = Options {
        font_family: "DejaVu Sans".to_owned(),
        ..Options::default()
    };
    for face in [REGULAR, OBLIQUE] {
        options.fontdb_mut().load_font_data(face.to_vec());
    }
    let tree = Tree::from_str(svg, &options).map_err(FigureError::Svg)?;
    let zoom = RESOLUTION / 96.0;
    let size = tree.size();
    let [width, height] =
        [size.width(), size.height()].map(|length| (length * zoom).round() as u32);
    let mut image = Pixmap::new(width, height).ok_or(FigureError::TooLarge { width, height })?;
    resvg::render(
        &tree,
        Transform::from_scale(zoom, zoom),
        &mut image.as_mut(),
    );
    image
        .encode_png()
        .map_err(|error| FigureError::Png(error.to_string()))
}
