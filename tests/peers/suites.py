"""The fifteen suites, and what the peers call them."""

from common import RtpEngineTerms, Suite

AS_NAMED = RtpEngineTerms()
# rtpengine 10.5.3.5 dies of a NULL_HMAC_* packet (segmentation fault), but the
# same packets are AES_CM_128_HMAC_SHA1_* without encryption in both planes: the
# session keys are derived alike, and SRTCP has E=0.
UNENCRYPTED = "UNENCRYPTED_SRTP UNENCRYPTED_SRTCP"
UNENCRYPTED_80 = RtpEngineTerms("AES_CM_128_HMAC_SHA1_80", UNENCRYPTED)
UNENCRYPTED_32 = RtpEngineTerms("AES_CM_128_HMAC_SHA1_32", UNENCRYPTED)
# What comes nearest to NULL_AUTH keeps its tag in SRTCP, as RFC 4568 wants it.
NO_RTP_TAG = RtpEngineTerms("AES_CM_128_HMAC_SHA1_80", "UNAUTHENTICATED_SRTP", ("rtp",))

# Name, bytes of master key and salt, bytes of the SRTP and SRTCP tag, whether it
# encrypts at all, and what the peers call it.
SUITES = [
    Suite("AES_CM_128_HMAC_SHA1_80", 30, 10, 10, True, "icm128", AS_NAMED),
    Suite("AES_CM_128_HMAC_SHA1_32", 30, 4, 10, True, "icm128", AS_NAMED),
    Suite("AES_192_CM_HMAC_SHA1_80", 38, 10, 10, True, None, AS_NAMED),
    Suite("AES_192_CM_HMAC_SHA1_32", 38, 4, 10, True, None, AS_NAMED),
    Suite("AES_256_CM_HMAC_SHA1_80", 46, 10, 10, True, "icm256", AS_NAMED),
    Suite("AES_256_CM_HMAC_SHA1_32", 46, 4, 10, True, "icm256", AS_NAMED),
    Suite("F8_128_HMAC_SHA1_80", 30, 10, 10, True, None, AS_NAMED),
    Suite("F8_128_HMAC_SHA1_32", 30, 4, 10, True, None, AS_NAMED),
    Suite("AEAD_AES_128_GCM", 28, 16, 16, True, "gcm128", AS_NAMED),
    Suite("AEAD_AES_256_GCM", 44, 16, 16, True, "gcm256", AS_NAMED),
    Suite("AEAD_AES_128_GCM_8", 28, 8, 8, True, "gcm128", None),
    Suite("AEAD_AES_256_GCM_8", 44, 8, 8, True, "gcm256", None),
    Suite("AES_CM_128_NULL_AUTH", 30, 0, 0, True, "icm128", NO_RTP_TAG),
    Suite("NULL_HMAC_SHA1_80", 30, 10, 10, False, "null", UNENCRYPTED_80),
    Suite("NULL_HMAC_SHA1_32", 30, 4, 10, False, "null", UNENCRYPTED_32),
]

# libsrtp 2.5.0 (as Debian builds it) derives other AES-192 session keys than
# RFC 6188 says, so it must refuse these. The day it accepts them this is an
# error on purpose: then the suite belongs in the table above.
LIBSRTP_REFUSES = {
    "AES_192_CM_HMAC_SHA1_80": "icm192",
    "AES_192_CM_HMAC_SHA1_32": "icm192",
}
