//! Rust messages from proto/, by a compiler that is itself a crate: no protoc binary is needed.

fn main() {
    // A thread that looks up a name may outlive C_Finalize: the code that it runs stays, whatever the application unloads.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    let proto = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo::rerun-if-changed={}", proto.display());
    let descriptors = protox::compile(["hsm/hsm.proto"], [&proto]).expect("proto/ compiles");
    prost_build::Config::new().compile_fds(descriptors).expect("messages are written");
}
