//! redis:// rediss:// unix:// and their kin, read into options and written from them.

use super::{Options, config};
use crate::error::Result;

/// Sets in `options` what the URL says.
pub(super) fn read(_url: &[u8], _options: &mut Options) -> Result<()> {
    Err(config("URLs are not read yet".to_owned()))
}

/// The canonical URL.
pub(super) fn write(options: &Options) -> String {
    format!("redis://{}/{}", options.endpoint(), options.database())
}
