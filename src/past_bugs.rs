//! Past bugs: the classic failures of SRTP implementations, and what excludes each of them here. This page has no code of its own.
//!
//! Every one of these has been shipped by somebody, most of them more than once. For each there is the rule or the type that stands in its
//! way in this crate, and the test that would fail if it did not.
//!
//! # State before authentication
//!
//! **The bug.** A receiver notes a packet's SSRC, sequence number or index, and verifies the tag afterwards. A forged packet makes
//! streams until memory is gone, marks indices as seen, so that the genuine packets behind it are "replays", or resets the
//! stream when it fails.
//!
//! **Here.** A stream moves by `Stream::accept`, which takes an `Authentic`: a value without public fields or constructor that only
//! `transform` makes, of a packet whose tag was right. Code that moves a stream without one does not compile. Streams are made in the same step.
//!
//! **Tests.** `forgery.rs`: `a_packet_with_any_one_bit_changed_is_refused_without_a_trace`,
//! `a_flood_of_forged_ssrcs_makes_no_stream_and_takes_no_place`; `fences.rs`: `proof_of_authenticity_is_constructed_in_transform_alone`.
//!
//! # A rollover counter moved by a forgery
//!
//! **The bug.** The guess of the index (RFC 3711 §3.3.1) is stored before the packet is verified, or the counter is raised because
//! verification failed and "perhaps we missed a roll-over". One packet, and the stream is silent until the call ends.
//!
//! **Here.** Guesses are values (`PacketIndex`), at most four a packet, and none is stored. The counter is part of the
//! highest index of the window, which only an `Authentic` moves, and never backwards.
//!
//! **Tests.** `forgery.rs`: `a_forged_sequence_number_far_ahead_moves_neither_roc_nor_window`,
//! `a_forged_packet_uses_up_no_roc_that_was_set_and_brings_no_removed_stream_back`.
//!
//! # The estimate at its edges
//!
//! **The bug.** At rollover counter 0 the turn before is "counter −1", which wraps to 2^32 − 1; the comparison with 2^15 is off by one;
//! a sender uses the receiver's estimate, takes 0, 65535, 1 for a whole turn, and parts from every receiver.
//!
//! **Here.** `PacketIndex::estimate` is RFC 3711's appendix A, but that an index below 0 or above 2^48 − 1 is an error of its own.
//! Senders have another rule, the nearest index by signed distance.
//!
//! **Tests.** `src/index.rs`: `estimate_is_appendix_a_for_every_sequence_number`; `replay.rs`:
//! `sequence_numbers_0_65535_1_leave_a_sender_at_rollover_counter_0`, `a_sequence_number_before_index_0_is_too_old_and_moves_nothing`.
//!
//! # Index wrap
//!
//! **The bug.** "Modulo 2^31" is read as leave to begin again (RFC 3711 §3.4), or a 48-bit index runs over. The same keystream goes out
//! twice; under AES-GCM the authentication key follows (RFC 7714 §9.4).
//!
//! **Here.** Counters end: [`ProtectError::IndexExhausted`](crate::ProtectError::IndexExhausted), in that stream alone, and the packet stays where it was.
//!
//! **Tests.** `src/sender.rs`: `after_the_last_srtcp_index_a_sender_refuses_srtcp_of_that_ssrc_and_nothing_else`; `roc.rs`:
//! `the_last_index_is_used_and_after_it_a_sender_says_that_the_index_is_exhausted`; `replay.rs`:
//! `the_last_srtcp_index_is_accepted_and_the_index_does_not_begin_again_behind_it`.
//!
//! # Replay window cleared by re-keying
//!
//! **The bug.** A new key, or the same one "updated", comes with an empty window: all that was recorded can be played again. Or the
//! counters start again under a key that stays.
//!
//! **Here.** Streams own windows and counters, the ring owns keys, and a change of keys does not touch streams. A key that is or was in the context
//! is refused ([`KeyRingError::KeyReused`](crate::KeyRingError::KeyReused)). Where a peer may begin anew, a window of its own belongs to the new key alone.
//!
//! **Tests.** `keys.rs`: `a_new_key_also_for_another_suite_resets_neither_counters_nor_windows`; `key_reuse.rs`:
//! `a_key_that_is_or_was_there_is_refused_and_nothing_changes`; `overlap_model.rs`:
//! `in_any_schedule_nothing_is_taken_twice_and_nothing_is_lost_that_is_promised`.
//!
//! # E-bit bypass
//!
//! **The bug.** SRTCP without the E bit is taken as not protected, and its tag is never looked at; or the bit, which is sent in the clear, decides
//! before the tag is verified whether anything is deciphered.
//!
//! **Here.** The tag of SRTCP is verified whatever the bit says (RFC 3711 §3.4: the bit is within what is authenticated). A bit that
//! contradicts what was agreed is refused, after that, unless the caller chose [`EBitPolicy::AcceptEither`](crate::EBitPolicy::AcceptEither).
//!
//! **Tests.** `wire.rs`: `an_unexpected_e_bit_is_refused_after_authentication_or_taken_as_the_policy_says`; `forgery.rs`:
//! `srtcp_keeps_its_tag_when_srtp_has_none`.
//!
//! # Tag length confusion
//!
//! **The bug.** The `_32` suites shorten the tag of SRTP; that of SRTCP has 10 bytes (RFC 4568 §6.2, RFC 5764 §4.1.2). One
//! length for both makes reports fail, or lets 4 bytes authenticate a BYE. A comparison over "as many bytes as there are" takes an empty tag.
//!
//! **Here.** Each plane has a `Trailer` of its own, and a tag in it is an `Option<NonZeroU8>`: no tag is a decision, never a
//! length. A comparison with an empty tag is false.
//!
//! **Tests.** `wire.rs`: `srtcp_tags_of_4_and_10_bytes_go_with_the_suites_that_have_them_and_no_others`, `overheads_are_exact_and_those_of_the_rfcs`;
//! `src/primitives/compare.rs`: `a_tag_is_accepted_only_if_every_byte_received_is_right`.
//!
//! # Header over-read
//!
//! **The bug.** The number of CSRCs and the length of the header extension come from the packet. Used unchecked they lead beyond its end;
//! checked against the whole packet they lead into the tag. A length that was 16 bits wide wraps.
//!
//! **Here.** Only `header` and `layout` turn lengths into offsets, with checked arithmetic; a header has to end before the trailer begins. The packet path has no
//! indexing at all (the lint forbids it), and `unsafe` in the vector code of the ciphers alone.
//!
//! **Tests.** `wire.rs`: `csrcs_or_an_extension_that_the_packet_has_no_room_for_are_refused`, `an_extension_that_claims_bytes_of_the_trailer_is_refused`;
//! `properties.rs`: `any_bytes_to_any_way_of_unprotecting_are_refused_unchanged`.
//!
//! # The packet destroyed by a failure
//!
//! **The bug.** A packet is deciphered in place while it is verified. If the tag is wrong, what is left is neither the one nor the other, and
//! a second key or counter has nothing to try; or it is handed on.
//!
//! **Here.** Verifying reads. Deciphering comes after it, and cannot fail. With any error the buffer is the one that came in.
//!
//! **Tests.** `wire.rs`: `a_buffer_too_small_to_unprotect_into_is_refused_and_the_packet_is_acceptable_afterwards`; every refusal in `forgery.rs`
//! compares the buffer.
//!
//! # Two-time pad by a shared key
//!
//! **The bug.** One key for both directions, with SSRCs that happen to agree; one offered key and two forks that each get a sender; an answer that sends
//! the offer's key back. Two packets under one keystream give both away.
//!
//! **Here.** A sender is made of a [`MasterKey`](crate::MasterKey), which it takes; a second one needs a method with `secret` in its name. The first answer to a line
//! takes that line's sender, later ones are told that it is [`Missing`](crate::sdes::SenderChange::Missing). Answers with one of our keys are refused.
//! A sender refuses an index that it used.
//!
//! **Tests.** `sdes_session_edges.rs`: `the_key_of_a_line_gets_one_sender_whatever_answers_come_in_whatever_order`; `sdes_properties.rs`:
//! `an_answer_with_one_of_our_keys_is_refused_whichever_line_the_key_is_from`; `sdes_session_properties.rs`:
//! `whatever_two_sessions_come_through_they_agree_media_flows_and_no_keystream_is_used_twice`; `replay.rs`:
//! `a_sender_refuses_an_index_that_it_used_and_goes_on_as_if_nothing_had_happened`.
//!
//! # Keys in logs
//!
//! **The bug.** A parse error quotes the line that it could not read. A derived `Debug` prints the struct, key included. A "trace" level writes SDP.
//!
//! **Here.** Errors are `Copy` and hold offsets, tags and lengths; what holds key bytes or a line's text has a `Debug` of its own, which leaves them out, and no
//! `Display` or comparison. A suite that is not known is shown by name only if that cannot be a key. What shows a key has `secret` in its name. The crate
//! prints and logs nothing.
//!
//! **Tests.** `shown.rs`: `no_public_type_shows_a_secret_in_debug_or_display`, `no_error_has_room_for_text`; `fences.rs`: `the_crate_prints_and_logs_nothing`;
//! `secrets.rs`: `no_error_of_a_packet_shows_key_tag_or_payload`, `debug_of_contexts_and_builders_shows_no_key_before_or_after_packets`;
//! `sdes_lines.rs`: `no_key_shows_in_debug_or_in_an_error`.
//!
//! # Lifetime overflow
//!
//! **The bug.** `2^48` is computed in 32 bits and gives a lifetime of 0, or none. Packets are counted for each stream where the key's
//! total counts (RFC 3711 §9.2). Nobody counts at all.
//!
//! **Here.** [`Lifetime`](crate::Lifetime) holds 2 to 2^48 and nothing else. Keys count, over all their streams, both planes apart; whichever ends first ends the key,
//! for senders and receivers.
//!
//! **Tests.** `src/key.rs`: `a_lifetime_is_2_to_2_to_the_48`; `keys.rs`:
//! `a_sender_stays_below_a_key_s_lifetime_and_whichever_plane_ends_first_ends_both`,
//! `a_receiver_refuses_a_key_s_packets_beyond_its_lifetime_in_both_planes`.
//!
//! # Trial and error among keys
//!
//! **The bug.** A packet with an unknown MKI is tried under every key: work without bound for each forged packet, and a tag of 4 bytes that has as many
//! chances as there are keys.
//!
//! **Here.** The MKI decides (RFC 4568 §4.3), and one that is unknown is an error. Of all that may be tried (counters, lengths of tags, two generations of
//! keys), a packet gets at most four verifications.
//!
//! **Tests.** `keys.rs`: `the_mki_decides_which_key_a_packet_is_under_and_no_other_is_tried`; `overlap.rs`: `no_packet_is_tried_at_more_than_four_places`.
//!
//! # Header extensions masked from the wrong place
//!
//! **The bug.** With encrypted header extensions (RFC 6904) the keystream is spent on element data alone, and not on the headers and the padding
//! between them: two implementations agree until an extension has padding in its middle.
//!
//! **Here.** The keystream runs over the whole extension, under a mask.
//!
//! **Tests.** `src/transform/header_ext.rs`: `the_mask_holds_the_data_of_named_elements_and_neither_headers_nor_padding`; `header_ext.rs`:
//! `every_suite_that_encrypts_sends_what_rfc_6904_says_and_takes_it_back`.
