//! A template of CloudFormation in JSON or YAML: its machines and schedules resolve, or say why not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwright::template::Template;

fuzz_target!(|text: &str| {
    let Ok(template) = Template::parse(text).inspect_err(|error| drop(error.to_string())) else { return };
    let Ok(machines) = template.state_machines().inspect_err(|error| drop(error.to_string())) else { return };
    for machine in machines {
        let _ = machine.definition().inspect_err(|error| drop(error.to_string()));
    }
});
