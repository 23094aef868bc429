//! Values of an experiment file that cannot be.
//!
//! Seen to catch: an output folder made before the memory is known to suffice.

use crate::common::refusal::{assert_says, refused};
use crate::common::{TOY, Toy, text};

#[test]
fn bad_values_are_refused_with_key_value_and_remedy() {
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["network.width=7", "network.pairing=symmetric"],
            &["network.width = 7", "even", "use 8"],
        ),
        (
            &["network.width=1e-320"],
            &["network.width = 1e-320:", "whole"],
        ),
        (
            &["evaluation.test_samples=1e-320"],
            &["`1e-320`", "whole number"],
        ),
        (
            &["network.dropout=0.5"],
            &["network.dropout", "no dropout", "Scope"],
        ),
        (&["batch=100"], &["unknown key `batch`", "protocol.batch"]),
        (
            &["protocol.batch=0"],
            &["protocol.batch = 0", "at least 1", "larger"],
        ),
        (
            &["protocol.batch=d-25"],
            &["protocol.batch = \"d-25\"", "-5", "larger"],
        ),
        (
            &["protocol.batch=d^20"],
            &["protocol.batch = \"d^20\"", "overflow", "smaller"],
        ),
        (
            &["protocol.dimension=10^400"],
            &["protocol.dimension = \"10^400\"", "overflow", "smaller"],
        ),
        (
            &["protocol.step_size=exp(d^3)"],
            &["protocol.step_size = \"exp(d^3)\"", "inf", "choose"],
        ),
        (
            &["protocol.step_size=-1"],
            &["protocol.step_size = -1", "positive", "choose"],
        ),
        (
            &["protocol.batch=n"],
            &["protocol.batch = \"n\"", "^", "d, p"],
        ),
        (
            &["target.r=21"],
            &[
                "target.r = 21",
                "dimension d = 20",
                "raise protocol.dimension",
            ],
        ),
        (
            &["protocol.dimension=1"],
            &[
                "target.r = 2",
                "dimension d = 1",
                "raise protocol.dimension",
            ],
        ),
        (
            &["target.noise=-1"],
            &["target.noise = -1", "not negative", "give 0"],
        ),
        (
            &["protocol.reuse=0"],
            &["protocol.reuse = 0", "at least one step", "fresh"],
        ),
        (
            &["protocol.remove_below=3"],
            &["protocol.remove_below = 3", "0 and 1", "use 0"],
        ),
        (
            &["protocol.loss={correlation_until=2}"],
            &["correlation_until = 2", "(0, 1]", "0.5"],
        ),
        (
            &["protocol.loss=logistc"],
            &[
                "protocol.loss = \"logistc\"",
                "unknown name",
                "did you mean \"logistic\"",
            ],
        ),
        (
            &["protocol.loss=y^2"],
            &[
                "protocol.loss = \"y^2\"",
                "does not depend on the output f",
                "in y and f",
            ],
        ),
        (
            &["protocol.loss=-y*log(f)"],
            &["protocol.loss", "not finite", "any real value"],
        ),
        (
            &["protocol.update=sign", "run.engine=in_law"],
            &[
                "protocol.update = \"sign\"",
                "coordinates of R^d",
                "the basis",
                "\"direct\"",
            ],
        ),
        (
            &["protocol.update={adam={}}", "run.engine=in_law"],
            &[
                "protocol.update = \"adam\"",
                "coordinates of R^d",
                "\"direct\"",
            ],
        ),
        (
            &["protocol.update={adam={beta2=1}}"],
            &["protocol.update.adam.beta2 = 1", "between 0 and 1", "0.999"],
        ),
        (
            &["protocol.update={adam={epsilon=0}}"],
            &["protocol.update.adam.epsilon = 0", "positive", "1e-8"],
        ),
        (
            &[
                "protocol.update={adam={}}",
                "protocol.momentum={heavy_ball=0.9}",
            ],
            &["protocol.momentum", "momentum of its own", "beta1"],
        ),
        (
            &["protocol.momentum={nesterov=1}"],
            &["protocol.momentum = 1", "between 0 and 1", "0.9"],
        ),
        (
            &["protocol.weight_decay=-1"],
            &["protocol.weight_decay = -1", "not negative", "no decay"],
        ),
        (
            &["protocol.clip={rows=0}"],
            &["protocol.clip.rows = 0", "positive", "choose"],
        ),
        (
            &["protocol.biases={step_size=1}"],
            &["protocol.biases", "no biases to train", "network.bias"],
        ),
        (
            &[
                "protocol.second_layer={step_size=1}",
                "protocol.lookahead={kind=\"extragradient\",radius=1}",
            ],
            &["protocol.second_layer", "first layer alone", "frozen"],
        ),
        (
            &["protocol.second_layer={step_size=-1}"],
            &["protocol.second_layer.step_size = -1", "positive"],
        ),
        (
            &["protocol.second_layer=thawed"],
            &["protocol.second_layer", "\"frozen\" or { step_size = ... }"],
        ),
        (
            &["protocol.step_size=p*(3-t)", "protocol.steps=4"],
            &[
                "protocol.step_size = \"p*(3-t)\"",
                "is 0 at t = 3",
                "positive",
            ],
        ),
        (
            &["network.bias={gaussian=-1}"],
            &["network.bias.gaussian = -1", "not negative", "uniform"],
        ),
        (
            &["network.bias={uniform=[1,-1]}"],
            &["network.bias.uniform = [1, -1]", "no interval", "[-1, 1]"],
        ),
        (
            &["inputs=hypercube", "run.engine=in_law"],
            &[
                "inputs = \"hypercube\"",
                "Gaussian across the target",
                "\"direct\"",
                "{ target = ... }",
            ],
        ),
        (
            &["network.start={overlap=[0.1,0.2,0.3]}"],
            &[
                "network.start.overlap = [0.1, 0.2, 0.3]",
                "3 overlaps with r = ",
                "for each direction",
            ],
        ),
        (
            &["network.start={overlap=1.5}"],
            &["network.start.overlap = 1.5", "at most 1", "smaller"],
        ),
        (
            &[
                "network.start={overlap=0.1}",
                "network.first_layer=gaussian",
            ],
            &["network.start.overlap = 0.1", "no fixed length", "sphere"],
        ),
        (
            &["network.start={overlap=[[0.1,0.2]]}"],
            &[
                "network.start.overlap = [[0.1, 0.2]]",
                "1 lists for",
                "for each neuron",
            ],
        ),
        (
            &["protocol.average_from=0"],
            &[
                "protocol.average_from = 0",
                "none of the steps",
                "all steps",
            ],
        ),
        (
            &["target.link=tanh(z1 + e1) + z2", "evaluation.labels=clean"],
            &[
                "evaluation.labels = \"clean\"",
                "no closed form",
                "\"noisy\"",
            ],
        ),
        (
            &["target.gram=[[1,2],[2,1]]"],
            &[
                "target.gram = [[1.0, 2.0], [2.0, 1.0]]",
                "direction 2",
                "independent",
            ],
        ),
        (
            &["readout.loss=logistic", "readout.ridge=0"],
            &["readout.ridge = 0", "separable", "positive"],
        ),
        (
            &["readout.loss=logistic", "protocol.remove_below=1"],
            &[
                "readout.loss = \"logistic\"",
                "nothing is removed",
                "remove_below",
            ],
        ),
        (
            &["network.scale=0"],
            &["network.scale = 0", "positive", "choose"],
        ),
        (
            &["readout.samples=7", "readout.batch=same"],
            &["readout.samples = 7", "batch of the step", "fresh"],
        ),
        (
            &["readout.ridge=d-1000"],
            &["readout.ridge = -9", "not negative", "positive"],
        ),
        (
            &["readout.ridge=-1"],
            &["readout.ridge = -1", "not negative", "positive"],
        ),
        (
            &["readout.ridge=[]"],
            &["readout.ridge = []", "no value", "at least one"],
        ),
        (
            &["evaluation.test_samples=0"],
            &["evaluation.test_samples = 0", "one sample", "100000"],
        ),
        (
            &["run.seeds=0"],
            &["run.seeds = 0", "no seed", "at least 1"],
        ),
        (
            &["run.seeds=1000000000"],
            &["run.seeds = 1000000000", "more than 1000000 runs", "fewer"],
        ),
        (
            &["run.seeds=9223372036854775807"],
            &["run.seeds = 9223372036854775807", "more than 1000000 runs"],
        ),
        (
            &[
                r#"sweep=[{key="protocol.batch",linear={from=1,to=9999,count=9999}}]"#,
                "run.seeds=200",
            ],
            &["1999800 runs", "fewer seeds"],
        ),
        (
            // 2^64 points: as many as none, counted in 64 bits.
            &[
                r#"sweep=[{key="a",linear={from=1,to=2,count=8192}},{key="b",linear={from=1,to=2,count=8192}},{key="c",linear={from=1,to=2,count=8192}},{key="d",linear={from=1,to=2,count=8192}},{key="e",linear={from=1,to=2,count=4096}}]"#,
            ],
            &["18446744073709552000 points", "shorten"],
        ),
        (
            &["evaluation.test_samples=9223372036854775807"],
            &["9223372036854775807", "more than 2^53"],
        ),
        (
            &["network.activation=1e-320*x"],
            &["`1e-320`", "double precision"],
        ),
        (
            &[r#"sweep=[{key="protocol.step_size",values=[nan]}]"#],
            &["sweep[0]", "not finite"],
        ),
        (
            &[r#"sweep=[{zip=[{"protocol.batch"=30,"network.width"=4},{"protocol.batch"=40}]}]"#],
            &["sweep[0]", "the same keys"],
        ),
        (
            &["protocol.batch=1979-05-27"],
            &["protocol.batch", "1979-05-27 is a date", "quotes"],
        ),
        (
            &[r#"sweep=[{key="protocol.batch",values=[1979-05-27]}]"#],
            &["1979-05-27 is a date"],
        ),
        (
            &[r#"quick={"protocol.dimenson"=3}"#],
            &[
                "[quick]",
                "protocol.dimenson",
                "did you mean `protocol.dimension`",
            ],
        ),
        (
            &[r#"reference=[{metric="tset_error",step=1,value=1.0,tolerance=0.1,source="x"}]"#],
            &["reference[0].metric", "tset_error"],
        ),
        (
            &[
                r#"reference=[{metric="norm",step=1,value=1.0,tolerance=0.1,source="x",at={"network.width"=1}}]"#,
            ],
            &["reference[0].at", "no swept key `network.width`"],
        ),
        (
            &[r#"slope=[{metric="norm",step=1,predicted=1.0,source="x",x="network.widht"}]"#],
            &["slope[0].x", "network.widht"],
        ),
        (
            &[r#"figure=[{kind="curves",name="a",x="n",y="norm",y_range=[2.0,1.0]}]"#],
            &[
                "figure[0]",
                "y_range cannot run from 2 to 1",
                "the smaller one first",
            ],
        ),
        (
            &["run.threads=5000"],
            &["run.threads = 5000", "too many", "number of cores"],
        ),
        (
            &["run.memory_limit=much"],
            &["run.memory_limit = \"much\"", "not an amount", "8 GB"],
        ),
        (
            &["run.memory_limit=10 MB"],
            &[
                "run.memory_limit = 10 MB",
                "needs about",
                "raise run.memory_limit",
            ],
        ),
        (
            &[
                "run.engine=in_law",
                "protocol.reuse=2",
                "protocol.dimension=100000",
                "protocol.batch=1e9",
            ],
            &[
                "run.memory_limit = 8.0 GB",
                "in_law engine",
                "run.engine = \"auto\"",
            ],
        ),
        (
            &["name=a/b"],
            &["name = \"a/b\"", "not a file name", "rename"],
        ),
        (
            &["protocol.steps=many"],
            &["protocol.steps", "many", "schema"],
        ),
        (
            &["protocol.geometry=flat"],
            &["protocol.geometry: unknown value `flat`", "spherical"],
        ),
        (
            &[r#"sweep=[{key="protocol.batch",values=[10,0]}]"#],
            &["protocol.batch = 0", "at least 1", "sweep"],
        ),
        (
            &[r#"sweep=[{key="protocol.batch"}]"#],
            &["sweep[0]", "values, linear and log"],
        ),
        (
            &["protocol.dimension=100.5"],
            &["protocol.dimension = 100.5", "whole number", "100 or 101"],
        ),
        (
            &[r#"sweep=[{key="protocol.batch",values=[40,"2*d"]}]"#],
            &["protocol.batch = 40", "\"2*d\"", "same experiment"],
        ),
        (
            &[r#"sweep=[{key="protocol.batch",log={from=10,to=12,count=5}}]"#],
            &["same experiment", "lower the count"],
        ),
        (
            &[r#"sweep=[{key="protocol.step_size",values=["p",6.0]}]"#],
            &["same experiment", "leave one"],
        ),
        (
            &[r#"sweep=[{key="protocol.batch",values=[30]},{key="protocol.batch",values=[40]}]"#],
            &["`protocol.batch`", "later one", "leave one"],
        ),
        (
            &[
                r#"sweep=[{key="target.noise",linear={from=0,to=1,count=8192}},{key="protocol.step_size",linear={from=1,to=2,count=8192}},{key="protocol.batch",linear={from=1,to=8192,count=8192}},{key="protocol.dimension",linear={from=9,to=8200,count=8192}},{key="network.width",linear={from=1,to=8192,count=8192}}]"#,
            ],
            &["36893488147419103000 points", "shorten an axis"],
        ),
        (
            &["protocol.dimension"],
            &["--set protocol.dimension", "no `=`", "key=value"],
        ),
    ];
    for (overrides, parts) in cases {
        assert_says(&refused(TOY, overrides), parts);
    }
}

#[test]
fn a_figure_that_cannot_come_is_refused_before_anything_runs() {
    for (figure, message) in [
        (
            r#"figure=[{kind="curves",name="f",x="step",y="train_errr"}]"#,
            "did you mean `train_error`?",
        ),
        (
            r#"figure=[{kind="curves",name="f",x="stp",y="train_error"}]"#,
            "did you mean `step`?",
        ),
        (
            r#"figure=[{kind="curves",name="f",x="step",y="weight_cosine"}]"#,
            "direction (1, 2)",
        ),
        (
            r#"figure=[{kind="curves",name="../f",x="step",y="train_error"}]"#,
            "`../f` is no name of a figure",
        ),
        (
            r#"reference=[{metric="norm",step=9,value=1.0,tolerance=1.0,source="x"}]"#,
            "no step `9`",
        ),
    ] {
        let toy = Toy::new(TOY);
        let output = toy.run(&[figure], &[]);
        let answer = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{figure}: {answer}");
        assert!(answer.contains(message), "{figure}: {answer}");
        assert!(!toy.path("out").exists(), "{figure}");
    }
}
