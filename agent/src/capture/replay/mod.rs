//! Capture files as a source: pcap and pcapng, also compressed.
