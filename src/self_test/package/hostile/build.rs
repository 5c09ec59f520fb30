include!("../attack.rs");

fn main() {
    for line in attack("script") {
        println!("cargo:warning={line}");
    }
}
