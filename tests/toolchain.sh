# Read by the scripts that call cargo. The compiler of rust-toolchain.toml may be installed as `stable`, without its number:
# then it is taken from there, and not fetched again.
# shellcheck shell=bash

use_installed_toolchain() {
  command -v rustup >/dev/null || return 0
  local wanted
  wanted=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
  rustup toolchain list | grep "^$wanted-" >/dev/null && return
  [ "$(RUSTUP_AUTO_INSTALL=0 rustc +stable --version 2>/dev/null | cut -d ' ' -f 2)" = "$wanted" ] || return 0
  export RUSTUP_TOOLCHAIN=stable
}
