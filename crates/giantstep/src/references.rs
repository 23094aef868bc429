//! The papers that targets, protocols, predictions and figures rest on: the one list of the project.

use std::fmt;

/// A paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Reference {
    /// The arXiv number, or authors and year of an older paper.
    pub key: &'static str,
    /// The authors, separated by " and ".
    pub authors: &'static str,
    /// The title.
    pub title: &'static str,
    /// Where it appeared, for a paper that is not on the arXiv.
    pub published: Option<&'static str>,
}

impl fmt::Display for Reference {
    /// `Authors: Title, where`, as in the list of THEORY.md.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authors = self.authors.replace(" and ", ", ");
        match self.published {
            None => write!(f, "{authors}: {}, arXiv {}", self.title, self.key),
            Some(published) => write!(f, "{authors}: {}, {published}", self.title),
        }
    }
}

/// The paper of a key.
pub fn find(key: &str) -> Option<&'static Reference> {
    REFERENCES.iter().find(|reference| reference.key == key)
}

/// The papers named in a text by their arXiv numbers, in the order of the list.
///
/// ```
/// let found = giantstep::references::named_in("Abbe et al. 2202.08658; Arnaboldi et al. 2405.15459");
/// assert_eq!(found.len(), 2);
/// ```
pub fn named_in(text: &str) -> Vec<&'static Reference> {
    let named = |reference: &&Reference| text.contains(reference.key);
    REFERENCES.iter().filter(named).collect()
}

const fn arxiv(key: &'static str, authors: &'static str, title: &'static str) -> Reference {
    Reference {
        key,
        authors,
        title,
        published: None,
    }
}

/// All papers, those of the project's subject first.
pub const REFERENCES: [Reference; 31] = [
    arxiv(
        "2305.18270",
        "Yatin Dandi and Florent Krzakala and Bruno Loureiro and Luca Pesce and Ludovic Stephan",
        "How Two-Layer Neural Networks Learn, One (Giant) Step at a Time",
    ),
    arxiv(
        "2205.01445",
        "Jimmy Ba and Murat A. Erdogdu and Taiji Suzuki and Zhichao Wang and Denny Wu and Greg Yang",
        "High-dimensional Asymptotics of Feature Learning: How One Gradient Step Improves the Representation",
    ),
    arxiv(
        "2206.15144",
        "Alex Damian and Jason D. Lee and Mahdi Soltanolkotabi",
        "Neural Networks can Learn Representations with Gradient Descent",
    ),
    arxiv(
        "2202.08658",
        "Emmanuel Abbe and Enric Boix-Adsera and Theodor Misiakiewicz",
        "The merged-staircase property: a necessary and nearly sufficient condition for SGD learning of sparse functions on two-layer neural networks",
    ),
    arxiv(
        "2302.11055",
        "Emmanuel Abbe and Enric Boix-Adsera and Theodor Misiakiewicz",
        "SGD learning on neural networks: leap complexity and saddle-to-saddle dynamics",
    ),
    arxiv(
        "2407.05622",
        "Nirmit Joshi and Theodor Misiakiewicz and Nathan Srebro",
        "On the Complexity of Learning Sparse Functions with Statistical and Gradient Queries",
    ),
    arxiv(
        "2402.04980",
        "Hugo Cui and Luca Pesce and Yatin Dandi and Florent Krzakala and Yue M. Lu and Lenka Zdeborová and Bruno Loureiro",
        "Asymptotics of feature learning in two-layer networks after one gradient-step",
    ),
    arxiv(
        "2410.18938",
        "Yatin Dandi and Luca Pesce and Hugo Cui and Florent Krzakala and Yue M. Lu and Bruno Loureiro",
        "A Random Matrix Theory Perspective on the Spectrum of Learned Features and Asymptotic Generalization Capabilities",
    ),
    arxiv(
        "2402.10164",
        "Fabián Aguirre-López and Silvio Franz and Mauro Pastore",
        "Random features and polynomial rules",
    ),
    arxiv(
        "2402.03220",
        "Yatin Dandi and Emanuele Troiani and Luca Arnaboldi and Luca Pesce and Lenka Zdeborová and Florent Krzakala",
        "The Benefits of Reusing Batches for Gradient Descent in Two-Layer Networks: Breaking the Curse of Information and Leap Exponents",
    ),
    arxiv(
        "2305.18502",
        "Luca Arnaboldi and Florent Krzakala and Bruno Loureiro and Ludovic Stephan",
        "Escaping mediocrity: how two-layer networks learn hard generalized linear models",
    ),
    arxiv(
        "2309.03843",
        "Alireza Mousavi-Hosseini and Denny Wu and Taiji Suzuki and Murat A. Erdogdu",
        "Gradient-Based Feature Learning under Structured Data",
    ),
    arxiv(
        "2405.15459",
        "Luca Arnaboldi and Yatin Dandi and Florent Krzakala and Luca Pesce and Ludovic Stephan",
        "Repetita Iuvant: Data Repetition Allows SGD to Learn High-Dimensional Multi-Index Functions",
    ),
    arxiv(
        "2406.02157",
        "Luca Arnaboldi and Yatin Dandi and Florent Krzakala and Bruno Loureiro and Luca Pesce and Ludovic Stephan",
        "Online Learning and Information Exponents: On The Importance of Batch size, and Time/Complexity Tradeoffs",
    ),
    arxiv(
        "2406.01581",
        "Jason D. Lee and Kazusato Oko and Taiji Suzuki and Denny Wu",
        "Neural network learns low-dimensional polynomials with SGD near the information-theoretic limit",
    ),
    arxiv(
        "2403.05529",
        "Alex Damian and Loucas Pillaud-Vivien and Jason D. Lee and Joan Bruna",
        "Computational-Statistical Gaps in Gaussian Single-Index Models",
    ),
    arxiv(
        "2506.05500",
        "Alex Damian and Jason D. Lee and Joan Bruna",
        "The Generative Leap: Sharp Sample Complexity for Efficiently Learning Gaussian Multi-Index Models",
    ),
    arxiv(
        "2405.15480",
        "Emanuele Troiani and Yatin Dandi and Leonardo Defilippis and Lenka Zdeborová and Bruno Loureiro and Florent Krzakala",
        "Fundamental computational limits of weak learnability in high-dimensional multi-index models",
    ),
    arxiv(
        "2310.07891",
        "Behrad Moniri and Donghwan Lee and Hamed Hassani and Edgar Dobriban",
        "A Theory of Non-Linear Feature Learning with One Gradient Step in Two-Layer Neural Networks",
    ),
    arxiv(
        "1904.12191",
        "Behrooz Ghorbani and Song Mei and Theodor Misiakiewicz and Andrea Montanari",
        "Linearized two-layers neural networks in high dimension",
    ),
    arxiv(
        "2101.10588",
        "Song Mei and Theodor Misiakiewicz and Andrea Montanari",
        "Generalization error of random features and kernel methods: hypercontractivity and kernel matrix concentration",
    ),
    arxiv(
        "1908.05355",
        "Song Mei and Andrea Montanari",
        "The generalization error of random features regression: Precise asymptotics and double descent curve",
    ),
    arxiv(
        "2006.14709",
        "Sebastian Goldt and Bruno Loureiro and Galen Reeves and Florent Krzakala and Marc Mézard and Lenka Zdeborová",
        "The Gaussian equivalence of generative models for learning with shallow neural networks",
    ),
    arxiv(
        "2009.07669",
        "Hong Hu and Yue M. Lu",
        "Universality Laws for High-Dimensional Learning with Random Features",
    ),
    arxiv(
        "2003.10409",
        "Gerard Ben Arous and Reza Gheissari and Aukosh Jagannath",
        "Online stochastic gradient descent on non-convex losses from high-dimensional inference",
    ),
    arxiv(
        "1708.05932",
        "Marco Mondelli and Andrea Montanari",
        "Fundamental Limits of Weak Recovery with Applications to Phase Retrieval",
    ),
    arxiv(
        "1702.06435",
        "Yue M. Lu and Gen Li",
        "Phase Transitions of Spectral Initialization for High-Dimensional Nonconvex Estimation",
    ),
    Reference {
        key: "bartlett-1933",
        authors: "M. S. Bartlett",
        title: "On the theory of statistical regression",
        published: Some("Proceedings of the Royal Society of Edinburgh 53, 260 (1933)"),
    },
    Reference {
        key: "saad-solla-1995",
        authors: "David Saad and Sara A. Solla",
        title: "On-line learning in soft committee machines",
        published: Some("Physical Review E 52, 4225 (1995)"),
    },
    Reference {
        key: "williams-1998",
        authors: "Christopher K. I. Williams",
        title: "Computation with Infinite Neural Networks",
        published: Some("Neural Computation 10, 1203 (1998)"),
    },
    Reference {
        key: "cho-saul-2009",
        authors: "Youngmin Cho and Lawrence K. Saul",
        title: "Kernel Methods for Deep Learning",
        published: Some("Advances in Neural Information Processing Systems (2009)"),
    },
];
