//! From SVG to PNG with the fonts this program carries.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Group, Node, Options, Text, Tree};

use super::FigureError;

const REGULAR: &[u8] = include_bytes!("../assets/DejaVuSans.ttf");
const OBLIQUE: &[u8] = include_bytes!("../assets/DejaVuSans-Oblique.ttf");

/// Dots an inch in the image, where the SVG has 96 units an inch.
const RESOLUTION: f32 = 300.0;

/// An SVG document as a PNG image at 300 dots per inch, drawn with the fonts this package carries.
///
/// # Errors
/// The SVG cannot be read, or the image is too large to hold.
pub fn encode(svg: &str) -> Result<Vec<u8>, FigureError> {
    let tree = read(svg)?;
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

/// The document with the fonts of this package.
fn read(svg: &str) -> Result<Tree, FigureError> {
    let mut options = Options {
        font_family: "DejaVu Sans".to_owned(),
        ..Options::default()
    };
    for face in [REGULAR, OBLIQUE] {
        options.fontdb_mut().load_font_data(face.to_vec());
    }
    Tree::from_str(svg, &options).map_err(FigureError::Svg)
}

/// The words of an SVG document that have a character which the fonts of this package lack.
///
/// # Errors
/// The SVG cannot be read.
pub fn missing_glyphs(svg: &str) -> Result<Vec<String>, FigureError> {
    let tree = read(svg)?;
    let lacking = |text: &&Text| {
        let spans = text.layouted().iter();
        let mut glyphs = spans.flat_map(|span| &span.positioned_glyphs);
        glyphs.any(|glyph| glyph.id.0 == 0)
    };
    let words = |text: &Text| text.chunks().iter().map(|chunk| chunk.text()).collect();
    let texts = texts(tree.root()).into_iter();
    Ok(texts.filter(lacking).map(words).collect())
}

fn texts<'a>(group: &'a Group) -> Vec<&'a Text> {
    let inside = |node: &'a Node| match node {
        Node::Text(text) => vec![text.as_ref()],
        Node::Group(group) => texts(group.as_ref()),
        _ => Vec::new(),
    };
    group.children().iter().flat_map(inside).collect()
}
