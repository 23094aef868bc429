use giantstep::activation::Activation;
use giantstep::analysis::{AnalysisOptions, Report, analyze};
use giantstep::expr::Link;
fn cpu() -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse::<f64>()
        .unwrap()
        * 1e-9
}
#[test]
fn show() {
    for text in std::env::var("LINKS").unwrap().split(';') {
        let link = Link::parse(text, None).unwrap();
        let relu = Activation::parse("relu(x)").unwrap();
        let t = cpu();
        let r: Report = analyze(&link, &relu, AnalysisOptions::default()).unwrap();
        println!(
            "\n== {text}  {:.3}s {:?} tol {:.1e} floorerr {:.1e} notes {:?}",
            cpu() - t,
            r.status,
            r.tolerance,
            r.floors.error,
            r.notes
        );
        println!(
            "  var {:.6} eff {:?} lead {:?} iso {:?} coord {:?}",
            r.variance, r.effective.dimension, r.leap.one_step, r.leap.isotropic, r.leap.coordinate
        );
        for s in &r.staircase.fresh {
            println!(
                "  fresh k={} dims {:?} {:?}",
                s.batch_exponent, s.dims, s.directions[0]
            );
        }
        for s in &r.staircase.reused {
            println!(
                "  reuse o={} dims {:?} {:?} {:?} {:.1e}",
                s.order, s.dims, s.directions[0], s.status, s.tolerance
            );
        }
        println!(
            "  floors {:?} wide1 {:?} sh {:?} wide2 {:?}\n  kernel {:?}",
            r.floors.bounded_width,
            r.floors.wide[0].floor,
            r.floors.wide[0].shared_response,
            r.floors.wide[1].floor,
            &r.kernel_floors[..3]
        );
        println!(
            "  GE {:?} alpha {:?} expl {:?}",
            r.generative_exponent, r.weak_recovery, r.leap.explanation
        );
        println!("  warn {:?}", r.activation.warnings);
        for v in &r.verdicts {
            println!(
                "   {} {:?} {} {:?} {:?} {:?} {:?} {:?} {:?}",
                v.direction.name,
                v.giant_steps,
                v.one_step_quadratic,
                v.quadratic_steps,
                v.one_step_exponent,
                v.reused_order,
                v.reused_step,
                v.kernel_first,
                v.kernel_last
            );
        }
        if std::env::var("JSON").is_ok() {
            println!("{}", serde_json::to_string_pretty(&r).unwrap());
        }
    }
}
