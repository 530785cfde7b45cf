/* What stands around the blocks of C in app/README.md: each is compiled where it is included. */
#include <errno.h>

#include <lanes.h>

struct pieces {
	struct slice piece;
	uint64_t bytes;
};

struct both {
	struct buffer one;
	struct buffer other;
	int other_failed;
	int error;
};

struct counter {
	int n;
};

void list_orders(struct request *req);
void create_order(struct request *req);
void read_order(struct request *req);
void read_file(struct request *req);
void write_report(struct request *req);
void check_token(struct request *req);
void read_one(void *one);
void read_other(struct request *beside, void *other);
bool open_shop(struct setup *setup);
void connect_shop(struct request *req);
void refresh(struct request *req);
void disconnect(struct request *req);
bool is_connected(void *state);

/* clang-format off */
#include "routes.c"

static void order_at_shop(struct request *req);
#include "input.c"
#include "body.c"
#include "waiting.c"
#include "stream.c"
#include "file.c"
#include "pool.c"
#include "document.c"
#include "options.c"
#include "application.c"
/* clang-format on */
