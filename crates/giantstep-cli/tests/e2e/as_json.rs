//! What is told to people is told to programs too.

use crate::common::{TOY, Toy, giantstep, json};

#[test]
fn whatever_is_told_is_told_as_json_too() {
    let toy = Toy::new(TOY);
    let explained = json(&toy.run(
        &[r#"sweep=[{key="protocol.batch",values=[30,60]}]"#],
        &["--explain", "--json"],
    ));
    assert_eq!(
        (
            &explained["runs"],
            explained["points"].as_array().map(Vec::len)
        ),
        (&6.into(), Some(2))
    );
    assert!(
        explained["points"][0]["taken"]["cost"]["memory"].is_number(),
        "{explained}"
    );
    for arguments in [
        ["reproduce", "--list", "--json"],
        ["claims", "--list", "--json"],
    ] {
        let output = giantstep().args(arguments).output().expect("a process");
        let list = json(&output);
        assert!(
            list[if arguments[0] == "claims" {
                "claims"
            } else {
                "experiments"
            }][0]["name"]
                .is_string(),
            "{list}"
        );
    }
    let output = giantstep()
        .args(["schema", "claim"])
        .output()
        .expect("a process");
    let schema = json(&output);
    assert!(
        schema["properties"]["claim"].is_object() && schema["properties"]["protocol"].is_object()
    );
}
