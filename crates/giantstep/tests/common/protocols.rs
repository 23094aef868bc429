//! One experiment of every kind that both engines run: changes of [`super::experiment`].

use serde_json::{Value, json};

/// Names and changes.
pub fn protocols() -> Vec<(&'static str, Value)> {
    vec![
        ("fresh batches, fresh readout", json!({})),
        (
            "readout on the same batch",
            json!({"readout": {"batch": "same"}}),
        ),
        (
            "one batch reused for three steps",
            json!({"protocol": {"reuse": 3, "steps": 3}}),
        ),
        (
            "correlation loss",
            json!({"protocol": {"loss": "correlation"}}),
        ),
        (
            "loss switched by the error",
            json!({"protocol": {"loss": {"correlation_until": 0.99}}}),
        ),
        (
            "symmetric pairs",
            json!({"network": {"pairing": "symmetric"}}),
        ),
        (
            "symmetric pairs, reused batch",
            json!({"network": {"pairing": "symmetric"}, "protocol": {"reuse": 2}}),
        ),
        (
            "projected steps",
            json!({"protocol": {"geometry": "projected"}}),
        ),
        (
            "spherical steps",
            json!({"protocol": {"geometry": "spherical"}}),
        ),
        (
            "extragradient",
            json!({"protocol": {"lookahead": {"kind": "extragradient", "radius": 5}}}),
        ),
        (
            "sharpness-aware",
            json!({"protocol": {"lookahead": {"kind": "sharpness_aware", "radius": 3}}}),
        ),
        (
            "labels without their linear part",
            json!({"protocol": {"remove_below": 2}}),
        ),
        (
            "leave-one-out with intercept, Gaussian layers",
            json!({
                "readout": {"ridge": {"leave_one_out": [0.01, 0.1, 1, 10]}, "intercept": "with"},
                "network": {"first_layer": "gaussian", "second_layer": "gaussian"}
            }),
        ),
        (
            "random features only",
            json!({"protocol": {"steps": 0}, "readout": {"batch": "same"}}),
        ),
        (
            "label noise, single neuron",
            json!({"target": {"noise": 0.5}, "network": {"width": 1}}),
        ),
        (
            "noise alone",
            json!({"target": {"link": "0", "r": 0, "noise": 1.0}}),
        ),
        (
            "absolute loss, decreasing steps",
            json!({"protocol": {"loss": "absolute", "step_size": "2*p/t"}}),
        ),
        (
            "logistic loss of signs, readouts of their own size",
            json!({
                "target": {"link": "sign(z1 + z2/2)"},
                "protocol": {"loss": "logistic"},
                "readout": {"samples": "n/2"}
            }),
        ),
        (
            "both layers, biases, centred output, reused batch",
            json!({
                "network": {"bias": {"gaussian": 0.5}, "output": "centred", "scale": "2/sqrt(p)"},
                "protocol": {"second_layer": {"step_size": 0.5}, "biases": {"step_size": "p/2"}, "reuse": 2}
            }),
        ),
        (
            "heavy ball, weight decay",
            json!({"protocol": {"steps": 3, "momentum": {"heavy_ball": 0.8}, "weight_decay": "0.2/p"}}),
        ),
        (
            "Nesterov with clipped rows, reused batch",
            json!({"protocol": {"steps": 3, "reuse": 3, "momentum": {"nesterov": 0.8}, "clip": {"rows": 0.05}}}),
        ),
        (
            "polar steps with momentum",
            json!({"protocol": {"update": "polar", "step_size": 1, "momentum": {"heavy_ball": 0.5}}}),
        ),
        (
            "normalised steps, clipped as a whole, projected",
            json!({
                "protocol": {"update": "normalised", "step_size": 1, "clip": {"whole": 0.1}, "geometry": "projected"}
            }),
        ),
        (
            "random numbers inside the link, reused batch",
            json!({
                "target": {"link": "sign(z1 + z2/2 + 0.3*e1)*(1 + u1) + e2*z1"},
                "protocol": {"reuse": 2}
            }),
        ),
        (
            "one sample a step",
            json!({"protocol": {"batch": 1, "steps": 100, "step_size": "2*p/d"}, "evaluation": {"record": "last"}}),
        ),
        (
            "three samples a step, heavy ball, both layers",
            json!({
                "protocol": {
                    "batch": 3, "steps": 30, "step_size": "p/d", "momentum": {"heavy_ball": 0.5},
                    "second_layer": {"step_size": "1/d"}
                },
                "evaluation": {"record": "last"}
            }),
        ),
        (
            "directions that overlap",
            json!({"target": {"gram": [[1.0, 0.6], [0.6, 2.0]]}}),
        ),
        (
            "averaged weights, reused batch",
            json!({"protocol": {"steps": 4, "reuse": 2, "average_from": 2}}),
        ),
        (
            "logistic readout of signs",
            json!({"target": {"link": "sign(z1 + z2/2)"}, "readout": {"loss": "logistic", "ridge": 0.1, "intercept": "with"}}),
        ),
        (
            "frame full of single samples",
            json!({"protocol": {"dimension": 30, "batch": 2, "steps": 20, "step_size": "p/d"}, "evaluation": {"record": "last"}}),
        ),
        (
            "batches of a training set, two epochs",
            json!({"protocol": {"training_set": 330, "steps": 3}, "target": {"noise": 0.2}}),
        ),
        (
            "rows with replacement, both layers, labels without their linear part, random numbers inside the link",
            json!({
                "target": {"link": "(z1 + z1^2 + z2 - z2^2)/2 + e1*z1/4 + u1"},
                "protocol": {
                    "training_set": 170, "sampling": "with_replacement", "steps": 3, "remove_below": 2,
                    "second_layer": {"step_size": 0.5}
                },
                "readout": {"batch": "same"}
            }),
        ),
        (
            "d < r + p, a readout on the training set",
            json!({"protocol": {"dimension": 9, "training_set": 200}, "readout": {"batch": "training_set"}}),
        ),
        (
            "inputs of three variances, the target in two of them",
            json!({"inputs": {"spectrum": [[3, "1/d"], [0.3, 0.05], [1, "0.95 - 1/d"]]}}),
        ),
        (
            "inputs of two variances, the target in the largest block, reused batch",
            json!({"inputs": {"spectrum": [[1, 0.9], [5, 0.1]]}, "protocol": {"reuse": 2}}),
        ),
        (
            "a spike beside the target",
            json!({"inputs": {"spike": {"along": [0.5, 0.3], "strength": "d^0.5"}}, "protocol": {"step_size": "p/4"}}),
        ),
        (
            "a spike along the target, reused batch with momentum",
            json!({
                "inputs": {"spike": {"along": "target", "strength": 2}},
                "protocol": {"reuse": 2, "steps": 3, "momentum": {"heavy_ball": 0.5}, "step_size": "p/2"}
            }),
        ),
        (
            "signs along the target",
            json!({"inputs": {"target": "hypercube"}, "target": {"link": "z1 + z2^3 + z1*z2"}}),
        ),
        (
            "signs along the target, reused batch, labels without their linear part",
            json!({
                "inputs": {"target": "hypercube"}, "target": {"link": "z1 + 2*z2 + z1*z2"},
                "protocol": {"reuse": 3, "steps": 3, "remove_below": 2}, "readout": {"batch": "same"}
            }),
        ),
        (
            "uniform along the target, batches of a training set",
            json!({
                "inputs": {"target": "uniform"},
                "protocol": {"training_set": 170, "sampling": "with_replacement", "steps": 3},
                "readout": {"batch": "training_set"}
            }),
        ),
        (
            "a circle along the target, one sample a step",
            json!({
                "inputs": {"target": "sphere"}, "target": {"link": "(z1 + z1^2 + z2)/2"},
                "protocol": {"batch": 1, "steps": 100, "step_size": "2*p/d"}, "evaluation": {"record": "last"}
            }),
        ),
        (
            "signs along the target, d < r + p, training set",
            json!({
                "inputs": {"target": "hypercube"}, "target": {"link": "z1 + 2*z2 + z1*z2"},
                "protocol": {"dimension": 9, "training_set": 200}
            }),
        ),
        (
            "growing batches, the last used twice",
            json!({"protocol": {"batch": "40 + 60*t", "steps": 4, "reuse": 2}}),
        ),
        ("d = r + p + 1", json!({"protocol": {"dimension": 13}})),
        ("d < r + p", json!({"protocol": {"dimension": 9}})),
        (
            "d < r + p, reused batch",
            json!({"protocol": {"dimension": 9, "reuse": 2}}),
        ),
        (
            "frame full after one step, reused batch",
            json!({"protocol": {"dimension": 26, "reuse": 3, "steps": 3}}),
        ),
    ]
}
