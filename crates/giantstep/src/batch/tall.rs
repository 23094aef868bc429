//! QR of a tall matrix whose rows are spread over blocks and ranks, along the tree of sums.
//!
//! Blocks are factorised one by one, and the triangles of two nodes together on the way up, so the sums of squares that lose
//! half of the digits never appear. On the way down the basis is put together from the factors of each node (Demmel,
//! Grigori, Hoemmen and Langou 2012). The tree does not depend on threads or ranks, so neither do the bits.

use faer::{Mat, MatRef};

use crate::batch::pieces::{cast, product};
use crate::ranks::{Ranks, Share};
use crate::real::Real;
use crate::reduce::{Node, ROOT};

/// How the rows of a matrix with k columns are spread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub ranks: &'a dyn Ranks,
    /// All rows, of all ranks.
    pub count: usize,
    /// Rows of a block; the last one may have fewer.
    pub block: usize,
    /// The number k of columns.
    pub columns: usize,
}

/// The factors of a tall matrix C, n x k, of which each rank holds those of its blocks.
#[derive(Debug)]
pub(super) struct Factors<T> {
    branch: Branch<T>,
    /// `C = Q R`, with as many rows as C has, but at most k; the same on every rank.
    pub triangle: Mat<f64>,
}

/// What this rank knows below a node.
#[derive(Debug)]
enum Branch<T> {
    /// None of its blocks.
    Elsewhere,
    /// Q of a block.
    Block(Mat<T>),
    /// The halves of Q of the two triangles below, on the rank that put them together.
    Pair {
        halves: Option<(Mat<f64>, Mat<f64>)>,
        children: Box<(Branch<T>, Branch<T>)>,
    },
}

impl Rows<'_> {
    fn share(&self) -> Share {
        Share::new(self.count.div_ceil(self.block), self.ranks.size())
    }

    /// Rows of the triangle of a node.
    fn height(&self, node: Node) -> usize {
        let share = self.share();
        let start = |index| (share.start(node.depth, index) * self.block).min(self.count);
        (start(node.index + 1) - start(node.index)).min(self.columns)
    }

    /// The first and the last rank that have blocks below a node.
    fn owners(&self, node: Node) -> (usize, usize) {
        self.share().owners(node.depth, node.index)
    }

    fn is_block(&self, node: Node) -> bool {
        let share = self.share();
        share.start(node.depth, node.index + 1) - share.start(node.depth, node.index) == 1
    }

    /// Factorises the matrix of which `blocks` are this rank's, `2 n k^2` flops; each rank sends one triangle of k x k for
    /// each of its largest nodes, and gets that of the root.
    pub(super) fn factors<T: Real>(&self, blocks: &[Mat<T>]) -> Factors<T> {
        let own = self.share().of(self.ranks.rank());
        let (branch, triangle) = self.up(ROOT, &|b| &blocks[b - own.start]);
        let height = self.height(ROOT);
        let mut entries = match &triangle {
            Some(triangle) => entries(triangle.as_ref()),
            None => vec![0.0; height * self.columns],
        };
        self.ranks.broadcast(0, &mut entries);
        let triangle = matrix(&entries, height, self.columns);
        Factors { branch, triangle }
    }

    /// The factors below a node, and the triangle of all of them on the rank that owns the first block.
    fn up<'b, T: Real>(
        &self,
        node: Node,
        block: &(dyn Fn(usize) -> &'b Mat<T> + Sync),
    ) -> (Branch<T>, Option<Mat<f64>>) {
        let (first, last) = self.owners(node);
        let rank = self.ranks.rank();
        if rank < first || rank > last {
            return (Branch::Elsewhere, None);
        }
        if self.is_block(node) {
            let qr = block(self.share().start(node.depth, node.index)).qr();
            let triangle = qr.thin_R();
            let triangle = Mat::from_fn(triangle.nrows(), triangle.ncols(), |i, j| match i > j {
                true => 0.0,
                false => triangle[(i, j)].to_f64(),
            });
            return (Branch::Block(qr.compute_thin_Q()), Some(triangle));
        }
        let (left, right) = node.children();
        let (above, below) = match first == last {
            true => rayon::join(|| self.up(left, block), || self.up(right, block)),
            // Messages are exchanged in the order of the tree.
            false => (self.up(left, block), self.up(right, block)),
        };
        let (triangle, halves) = match (above.1, below.1) {
            (Some(above), Some(below)) => pair(&above, &below),
            (Some(above), None) => {
                let height = self.height(right);
                let mut entries = vec![0.0; height * self.columns];
                self.ranks.receive(self.owners(right).0, &mut entries);
                pair(&above, &matrix(&entries, height, self.columns))
            }
            (None, Some(below)) => {
                self.ranks.send(first, &entries(below.as_ref()));
                (None, None)
            }
            (None, None) => (None, None),
        };
        let children = Box::new((above.0, below.0));
        (Branch::Pair { halves, children }, triangle)
    }

    /// `Q B` block by block, for those of this rank; B has as many rows as the triangle and is the same on every rank.
    pub(super) fn times<T: Real>(&self, factors: Factors<T>, right: &Mat<f64>) -> Vec<Mat<T>> {
        let known = (self.ranks.rank() == 0).then(|| right.clone());
        self.down(ROOT, factors.branch, known, right.ncols())
    }

    fn down<T: Real>(
        &self,
        node: Node,
        branch: Branch<T>,
        right: Option<Mat<f64>>,
        width: usize,
    ) -> Vec<Mat<T>> {
        let (halves, children) = match (branch, right) {
            (Branch::Block(q), Some(right)) => {
                return vec![product(q.as_ref(), cast::<T>(right.as_ref()).as_ref())];
            }
            (Branch::Pair { halves, children }, right) => (halves.zip(right), *children),
            _ => return Vec::new(),
        };
        let (left, other) = node.children();
        let (first, last) = self.owners(node);
        let owner = self.owners(other).0;
        let rank = self.ranks.rank();
        let (above, below) = match halves {
            Some(((above, below), right)) => {
                let below = &below * &right;
                if owner != rank {
                    self.ranks.send(owner, &entries(below.as_ref()));
                }
                (Some(&above * &right), Some(below))
            }
            None if owner == rank => {
                let height = self.height(other);
                let mut entries = vec![0.0; height * width];
                self.ranks.receive(first, &mut entries);
                (None, Some(matrix(&entries, height, width)))
            }
            None => (None, None),
        };
        let above = || self.down(left, children.0, above, width);
        let below = || self.down(other, children.1, below, width);
        let (mut blocks, more) = match first == last {
            true => rayon::join(above, below),
            false => (above(), below()),
        };
        blocks.extend(more);
        blocks
    }
}

/// The triangle of two triangles one above the other, and the halves of its Q.
fn pair(above: &Mat<f64>, below: &Mat<f64>) -> (Option<Mat<f64>>, Option<(Mat<f64>, Mat<f64>)>) {
    let (a, b, k) = (above.nrows(), below.nrows(), above.ncols());
    let stacked = Mat::from_fn(a + b, k, |i, j| match i < a {
        true => above[(i, j)],
        false => below[(i - a, j)],
    });
    let qr = stacked.qr();
    let q = qr.compute_thin_Q();
    let triangle = qr.thin_R();
    let triangle = Mat::from_fn(triangle.nrows(), k, |i, j| match i > j {
        true => 0.0,
        false => triangle[(i, j)],
    });
    let halves = (q.subrows(0, a).to_owned(), q.subrows(a, b).to_owned());
    (Some(triangle), Some(halves))
}

fn entries(matrix: MatRef<'_, f64>) -> Vec<f64> {
    matrix
        .col_iter()
        .flat_map(|column| column.iter().copied())
        .collect()
}

fn matrix(entries: &[f64], rows: usize, columns: usize) -> Mat<f64> {
    MatRef::from_column_major_slice(entries, rows, columns).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::Alone;

    /// Q and R are those of the matrix, whatever its last block and its rank: `Q R = C`, and Q has orthonormal columns.
    #[test]
    fn factors_give_the_matrix_back() {
        for (count, k) in [(1, 1), (3, 5), (8, 8), (9, 3), (61, 6), (64, 10)] {
            let c = Mat::from_fn(count, k, |i, j| ((1 + 3 * i + 17 * (j % 7)) as f64).sin());
            let rows = Rows {
                ranks: &Alone,
                count,
                block: 8,
                columns: k,
            };
            let blocks: Vec<Mat<f64>> = (0..count)
                .step_by(8)
                .map(|first| c.subrows(first, 8.min(count - first)).to_owned())
                .collect();
            let factors = rows.factors(&blocks);
            let triangle = factors.triangle.clone();
            let height = count.min(k);
            assert_eq!(triangle.shape(), (height, k));
            let q = rows.times(factors, &Mat::identity(height, height));
            let q = Mat::from_fn(count, height, |i, j| q[i / 8][(i % 8, j)]);
            assert!((&q * &triangle - &c).norm_max() < 1e-13, "{count} {k}");
            let gram = q.transpose() * &q - Mat::<f64>::identity(height, height);
            assert!(gram.norm_max() < 1e-13, "{count} {k}");
        }
    }
}
