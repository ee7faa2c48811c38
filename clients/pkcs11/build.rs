//! Rust messages from proto/, by a compiler that is itself a crate: no protoc binary is needed.

fn main() {
    let proto = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo::rerun-if-changed={}", proto.display());
    let descriptors = protox::compile(["hsm/hsm.proto"], [&proto]).expect("proto/ compiles");
    prost_build::Config::new().compile_fds(descriptors).expect("messages are written");
}
