macros::attack_all!();
