//! The one setting that an observer needs: how long the frames may be that a peer takes (RFC 9113 section 6.5.2).

/// `SETTINGS_MAX_FRAME_SIZE`.
const MAX_FRAME_SIZE: u16 = 5;

/// Bytes of a setting: its name and its value.
const SETTING_BYTES: usize = 6;

/// What is in force before a peer says otherwise.
const FRAME_BYTES_INITIAL: u32 = 16_384;

/// What one peer has said.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    /// The largest ever said: it may be in force until the other peer has read of a smaller one. `None`: no settings were seen.
    longest: Option<u32>,
    setting: [u8; SETTING_BYTES],
    have: usize,
}

impl Settings {
    /// A frame of settings begins.
    pub(crate) fn begin(&mut self) {
        self.have = 0;
        self.longest.get_or_insert(FRAME_BYTES_INITIAL);
    }

    /// Bytes of it.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(place) = self.setting.get_mut(self.have) {
                *place = *byte;
                self.have += 1;
            }
            if self.have == SETTING_BYTES {
                self.have = 0;
                let [n0, n1, v0, v1, v2, v3] = self.setting;
                if u16::from_be_bytes([n0, n1]) == MAX_FRAME_SIZE {
                    let longest = self.longest.get_or_insert(FRAME_BYTES_INITIAL);
                    *longest = (*longest).max(u32::from_be_bytes([v0, v1, v2, v3]));
                }
            }
        }
    }

    /// The longest frame that the peer may get; `None`: it is not known.
    pub(crate) fn frame_bytes_max(&self) -> Option<u32> {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_frame_is_known_from_any_cut() {
        let frame = [0, 3, 0, 0, 0, 100, 0, 5, 0, 0, 0x80, 0, 0, 4, 0, 0, 0xff, 0xff];
        for size in 1..=frame.len() {
            let mut settings = Settings::default();
            assert_eq!(settings.frame_bytes_max(), None);
            settings.begin();
            assert_eq!(settings.frame_bytes_max(), Some(16_384));
            frame.chunks(size).for_each(|part| settings.bytes(part));
            assert_eq!(settings.frame_bytes_max(), Some(0x8000));
        }
    }
}
