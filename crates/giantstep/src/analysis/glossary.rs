//! The words of a report, each in a line.

/// Every name of a line or column that a report is printed with, and what it says.
pub const GLOSSARY: [(&str, &str); 33] = [
    ("link", "as typed"),
    (
        "decided",
        "how far zeros can be trusted: exact (rational arithmetic), certified (signals below the number count as zero), undecided",
    ),
    ("mean, variance", "E g and Var g for Gaussian z"),
    (
        "Hermite series",
        "how much of the variance lies in the degrees that were computed, for links that are no polynomials",
    ),
    ("depends on", "the directions in which the link varies"),
    ("but not on", "the directions in which it does not"),
    (
        "leap",
        "one step: the smallest k with T_k = E[g He_k(z)] not zero, (7); isotropic: the largest order along the chain, (11); in these coordinates: that of z1, ..., zr",
    ),
    (
        "generative leap",
        "k*, the samples n ~ d^max(1, k*/2) that low-degree algorithms need, and the chain (order: directions opened), (72); of one direction the generative exponent, (29)",
    ),
    (
        "weak recovery",
        "alpha_c: above n = alpha_c d message passing finds a direction, where E[z | y] = 0, (14)",
    ),
    (
        "spectral",
        "alpha_s: above n = alpha_s d an eigenvector of sum_i (y_i - E y) x_i x_i^T finds one, for bounded labels, (59)",
    ),
    (
        "fresh",
        "directions learnt step by step with a new batch each, by this activation: THEORY.md (9), (11), (75)",
    ),
    (
        "generic",
        "the same for an activation without blind degrees, where that differs",
    ),
    (
        "reused",
        "directions that further passes over one batch find: in O(1) passes at n ~ d, in O(log d) at n ~ d log d, (28)",
    ),
    (
        "hard for n ~ d",
        "directions that no number of fresh steps at n ~ d learns",
    ),
    (
        "bounded width",
        "floor of E (f - y)^2 for p = O(1): Var(g | what is learnt), (13)",
    ),
    (
        "width, n ~ d",
        "floor for p and n of order d: degree 1 across what is learnt is fitted too, (15); likewise d^2, d^3",
    ),
    (
        "neurons that respond alike",
        "the same if what the features say about the rest does not depend on the part learnt, (16): it may rise when a step aligns all neurons",
    ),
    ("degree", "Hermite degree k"),
    (
        "energy of the link",
        "E[g_k^2], the variance in degree k; at 0 the squared mean",
    ),
    (
        "floor of kernels",
        "what kernels at n ~ d^k leave: the variance in degrees above k, (12)",
    ),
    (
        "of features",
        "the same for random features of the activation: degrees with c_k = 0 stay",
    ),
    ("c_k", "E[sigma(x) He_k(x)], (5)"),
    (
        "order",
        "with --tensors: the entries of T_k that are not zero",
    ),
    ("note", "what limits the answer"),
    (
        "learnt with",
        "a direction of the link; never: no step does; unknown: undecided",
    ),
    (
        "n ~ d",
        "the fresh step at batches of order d that learns it",
    ),
    ("n ~ d^2", "the same at batches of order d^2"),
    (
        "alone from",
        "batch at which one step reveals it once lower degrees were removed from the labels: without the removal the lowest degree drowns the others, and later steps learn them",
    ),
    (
        "batches reused",
        "the pass over one batch of order d that finds it, or d log d samples",
    ),
    (
        "kernels",
        "batches from which and up to which kernels fit the part of the link along it",
    ),
    ("before, step t", "before the first step, after step t"),
    ("pass", "a step on the same batch"),
    ("n ~ d^k", "batches of order d^k"),
];
