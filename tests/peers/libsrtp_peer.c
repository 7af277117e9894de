/*
 * Lets libsrtp protect packets and remove the protection again, so that packets
 * of ours can be checked by software that is not ours, and packets of that
 * software by us. Speaks lines on stdin and stdout:
 *
 *   version                                       -> ok VERSION
 *   policy CIPHER AUTH RTP_TAG RTCP_TAG KEY_HEX [OPTION...]   -> ok
 *   rtp HEX | rtcp HEX                            -> ok HEX | err NAME
 *
 * CIPHER is icm128, icm192, icm256, gcm128, gcm256 or null; AUTH is sha1 or
 * none; KEY_HEX is master key followed by master salt. A `policy` line drops
 * the session before it, so that one process serves many keys. Packets are
 * unprotected, or protected if `outbound` is an option; the others are
 * `clear-rtp` and `clear-rtcp` (RFC 4568, UNENCRYPTED_*) and `mki=HEX`. The exit
 * status is non-zero only if a line makes no sense: a refused packet is an answer.
 *
 * The profile helpers of libsrtp are not used on purpose: they do not know
 * every suite (8-byte GCM tags as an SDES suite, no tag in either plane, NULL
 * cipher with a 4-byte tag), and the tag lengths of the two planes are what is
 * to be checked, so they are spelled out by the caller.
 */
#include <srtp2/crypto_types.h>
#include <srtp2/srtp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A UDP datagram is at most 65535 bytes; two hex digits each and a few words. */
#define MAX_PACKET 65536
#define MAX_LINE (2 * MAX_PACKET + 64)

static const struct {
    const char *name;
    srtp_cipher_type_id_t id;
    int key_len;  /* master key */
    int salt_len; /* master salt */
    int aead;
} ciphers[] = {
    { "icm128", SRTP_AES_ICM_128, 16, 14, 0 },
    { "icm192", SRTP_AES_ICM_192, 24, 14, 0 },
    { "icm256", SRTP_AES_ICM_256, 32, 14, 0 },
    { "gcm128", SRTP_AES_GCM_128, 16, 12, 1 },
    { "gcm256", SRTP_AES_GCM_256, 32, 12, 1 },
    { "null", SRTP_NULL_CIPHER, 16, 14, 0 },
};

static const char *status_name(srtp_err_status_t status)
{
    static char other[32];

    switch (status) {
    case srtp_err_status_bad_param:
        return "bad_param";
    case srtp_err_status_auth_fail:
        return "auth_fail";
    case srtp_err_status_cipher_fail:
        return "cipher_fail";
    case srtp_err_status_replay_fail:
        return "replay_fail";
    case srtp_err_status_replay_old:
        return "replay_old";
    case srtp_err_status_cant_check:
        return "cant_check";
    case srtp_err_status_parse_err:
        return "parse_err";
    default:
        snprintf(other, sizeof other, "status_%d", (int)status);
        return other;
    }
}

static void give_up(const char *why)
{
    fprintf(stderr, "libsrtp_peer: %s\n", why);
    exit(2);
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* Number of bytes decoded, or -1 if `hex` is no hex or does not fit. */
static int from_hex(const char *hex, uint8_t *out, size_t room)
{
    size_t n = 0;

    for (; hex[0] != '\0'; hex += 2) {
        int high = nibble(hex[0]);
        int low = high < 0 ? -1 : nibble(hex[1]);

        if (low < 0 || n == room)
            return -1;
        out[n++] = (uint8_t)(high << 4 | low);
    }
    return (int)n;
}

/* What is open: a session, its direction, and whether packets have an MKI. */
static struct {
    srtp_t session;
    int outbound;
    int use_mki;
} opened;

static srtp_err_status_t open_session(const char *cipher,
                                      const char *auth,
                                      int rtp_tag,
                                      int rtcp_tag,
                                      const char *key_hex)
{
    uint8_t key[SRTP_MAX_KEY_LEN];
    uint8_t mki[SRTP_MAX_MKI_LEN];
    srtp_master_key_t master = { key, mki, 0 };
    srtp_master_key_t *masters = &master;
    srtp_policy_t policy;
    char *option;
    size_t i = 0;
    int len = from_hex(key_hex, key, sizeof key);
    int sha1 = strcmp(auth, "sha1") == 0;

    while (strcmp(ciphers[i].name, cipher) != 0)
        if (++i == sizeof ciphers / sizeof ciphers[0])
            give_up("no such cipher");
    if (len != ciphers[i].key_len + ciphers[i].salt_len)
        give_up("master key and salt have the wrong length");

    memset(&policy, 0, sizeof policy);
    policy.ssrc.type = ssrc_any_inbound;
    policy.key = key;
    policy.window_size = 1024;

    policy.rtp.cipher_type = ciphers[i].id;
    policy.rtp.cipher_key_len = len;
    policy.rtp.auth_type = sha1 ? SRTP_HMAC_SHA1 : SRTP_NULL_AUTH;
    policy.rtp.auth_key_len = sha1 ? 20 : 0;
    policy.rtp.auth_tag_len = rtp_tag;
    /* For AEAD "auth" means that the cipher's own tag is checked. For the NULL
     * cipher "conf" must be off: it also says that SRTCP has to come with E=1. */
    policy.rtp.sec_serv = sec_serv_none;
    if (ciphers[i].id != SRTP_NULL_CIPHER)
        policy.rtp.sec_serv |= sec_serv_conf;
    if (sha1 || ciphers[i].aead)
        policy.rtp.sec_serv |= sec_serv_auth;

    policy.rtcp = policy.rtp;
    policy.rtcp.auth_tag_len = rtcp_tag;

    opened.outbound = opened.use_mki = 0;
    while ((option = strtok(NULL, " ")) != NULL) {
        if (strcmp(option, "outbound") == 0) {
            opened.outbound = 1;
            policy.ssrc.type = ssrc_any_outbound;
        } else if (strcmp(option, "clear-rtp") == 0) {
            policy.rtp.sec_serv &= ~sec_serv_conf;
        } else if (strcmp(option, "clear-rtcp") == 0) {
            policy.rtcp.sec_serv &= ~sec_serv_conf;
        } else if (strncmp(option, "mki=", 4) == 0) {
            int mki_len = from_hex(option + 4, mki, sizeof mki);

            if (mki_len <= 0)
                give_up("no such MKI");
            opened.use_mki = 1;
            master.mki_size = mki_len;
            policy.key = NULL;
            policy.keys = &masters;
            policy.num_master_keys = 1;
        } else {
            give_up("no such option");
        }
    }

    return srtp_create(&opened.session, &policy);
}

static srtp_err_status_t convert(int rtcp, void *packet, int *len)
{
    srtp_t session = opened.session;

    if (opened.outbound)
        return rtcp ? srtp_protect_rtcp_mki(session, packet, len, opened.use_mki, 0)
                    : srtp_protect_mki(session, packet, len, opened.use_mki, 0);
    return rtcp ? srtp_unprotect_rtcp_mki(session, packet, len, opened.use_mki)
                : srtp_unprotect_mki(session, packet, len, opened.use_mki);
}

int main(void)
{
    /* libsrtp reads 32-bit words from the packet, so it wants them aligned. */
    static uint32_t aligned[(MAX_PACKET + SRTP_MAX_TRAILER_LEN + 4) / 4];
    static char line[MAX_LINE];
    uint8_t *packet = (uint8_t *)aligned;
    srtp_err_status_t status = srtp_init();

    if (status != srtp_err_status_ok)
        give_up("libsrtp does not start");
    /* Whoever asks waits for each answer. */
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);

    while (fgets(line, sizeof line, stdin) != NULL) {
        char *end = strchr(line, '\n');
        char *word, *hex;
        int len, rtcp;

        if (end == NULL)
            give_up("line too long or cut off");
        *end = '\0';
        word = strtok(line, " ");
        if (word == NULL)
            give_up("empty line");

        if (strcmp(word, "version") == 0) {
            printf("ok %s\n", srtp_get_version_string());
            continue;
        }
        if (strcmp(word, "policy") == 0) {
            char *cipher = strtok(NULL, " ");
            char *auth = strtok(NULL, " ");
            char *rtp_tag = strtok(NULL, " ");
            char *rtcp_tag = strtok(NULL, " ");
            char *key = strtok(NULL, " ");

            if (key == NULL)
                give_up("policy: words missing");
            if (opened.session != NULL)
                srtp_dealloc(opened.session);
            opened.session = NULL;
            status = open_session(cipher, auth, atoi(rtp_tag), atoi(rtcp_tag), key);
            if (status == srtp_err_status_ok)
                printf("ok\n");
            else
                printf("err %s\n", status_name(status));
            continue;
        }

        rtcp = strcmp(word, "rtcp") == 0;
        if (!rtcp && strcmp(word, "rtp") != 0)
            give_up("no such command");
        hex = strtok(NULL, " ");
        len = hex == NULL ? 0 : from_hex(hex, packet, MAX_PACKET);
        if (len < 0)
            give_up("packet is no hex or too long");
        if (opened.session == NULL) {
            printf("err no_session\n");
            continue;
        }
        status = convert(rtcp, packet, &len);
        if (status != srtp_err_status_ok) {
            printf("err %s\n", status_name(status));
            continue;
        }
        printf("ok ");
        for (int i = 0; i < len; i++)
            printf("%02x", packet[i]);
        printf("\n");
    }

    if (opened.session != NULL)
        srtp_dealloc(opened.session);
    srtp_shutdown();
    return ferror(stdin) || fflush(stdout) != 0 ? 2 : 0;
}
