/*
 * libhtp, the HTTP reader of Suricata, on streams from standard input; a line for each transaction on standard output.
 *
 * In: records of a letter and a 32-bit number in network order: N, a new connection of this number; C or S, so many bytes
 * of the client or the server, which follow.
 * Out: connection, hex(method), hex(target), whole or not, bytes of content; status, whole or not, bytes of content.
 */
#include <arpa/inet.h>
#include <htp/htp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct side {
    unsigned char *bytes;
    size_t len, read;
    int over;
};

static struct side client, server;
static htp_connp_t *parser;
static uint32_t number;

static void hex(const bstr *text) {
    putchar(' ');
    if (text == NULL || bstr_len(text) == 0) {
        putchar('-');
        return;
    }
    for (size_t i = 0; i < bstr_len(text); i++) printf("%02x", bstr_ptr(text)[i]);
}

/* Gives one side's bytes as far as the parser takes them; whether it took any. */
static int give(struct side *side, int of_client) {
    if (side->over || side->read == side->len) return 0;
    const unsigned char *bytes = side->bytes + side->read;
    size_t len = side->len - side->read, taken = len;
    htp_time_t now = {0, 0};
    int state = of_client ? htp_connp_req_data(parser, &now, bytes, len) : htp_connp_res_data(parser, &now, bytes, len);
    if (state == HTP_STREAM_DATA_OTHER)
        taken = of_client ? htp_connp_req_data_consumed(parser) : htp_connp_res_data_consumed(parser);
    side->over = state == HTP_STREAM_ERROR || state == HTP_STREAM_CLOSED;
    side->read += taken;
    return taken > 0;
}

static void give_all(void) {
    while (give(&client, 1) | give(&server, 0)) {
    }
}

static void end(void) {
    if (parser == NULL) return;
    htp_time_t now = {0, 0};
    htp_connp_close(parser, &now);
    htp_list_t *all = htp_connp_get_connection(parser)->transactions;
    for (size_t i = 0; i < htp_list_size(all); i++) {
        htp_tx_t *one = htp_list_get(all, i);
        if (one == NULL) continue;
        printf("%u", number);
        hex(one->request_method);
        hex(one->request_uri);
        printf(" %d %lld", one->request_progress == HTP_REQUEST_COMPLETE, (long long)one->request_entity_len);
        printf(" %d %d %lld\n", one->response_status_number, one->response_progress == HTP_RESPONSE_COMPLETE,
               (long long)one->response_entity_len);
    }
    htp_connp_destroy_all(parser);
    parser = NULL;
    free(client.bytes);
    free(server.bytes);
    memset(&client, 0, sizeof client);
    memset(&server, 0, sizeof server);
}

int main(void) {
    htp_cfg_t *config = htp_config_create();
    htp_config_set_server_personality(config, HTP_SERVER_IDS);
    htp_config_set_response_decompression(config, 0);
    htp_time_t now = {0, 0};
    int kind;
    while ((kind = getchar()) != EOF) {
        uint32_t n;
        if (fread(&n, sizeof n, 1, stdin) != 1) return 1;
        n = ntohl(n);
        if (kind == 'N') {
            end();
            number = n;
            parser = htp_connp_create(config);
            htp_connp_open(parser, "10.0.0.1", 40000, "10.0.0.2", 80, &now);
            continue;
        }
        struct side *side = kind == 'C' ? &client : &server;
        unsigned char *grown = realloc(side->bytes, side->len + n);
        if (grown == NULL || fread(grown + side->len, 1, n, stdin) != n) return 1;
        side->bytes = grown;
        side->len += n;
        give_all();
    }
    end();
    return 0;
}
