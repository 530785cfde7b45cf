// peer SOCKET: an order by its key, as Go has it: net/http/fcgi and pgx. Without $DATABASE, what the null
// responder answers, and the Date that is always added.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

type order struct {
	ID       int64  `json:"id"`
	Item     string `json:"item"`
	Quantity int32  `json:"quantity"`
}

func answerOrders() {
	pool, err := pgxpool.Connect(context.Background(), os.Getenv("DATABASE")+"&pool_max_conns=8")
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/cases/orders/", func(w http.ResponseWriter, r *http.Request) {
		var o order
		id, err := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, "/cases/orders/"), 10, 64)
		if err == nil {
			err = pool.QueryRow(r.Context(),
				"SELECT id, item, quantity FROM orders WHERE id = $1", id).
				Scan(&o.ID, &o.Item, &o.Quantity)
		}
		if errors.Is(err, pgx.ErrNoRows) {
			http.NotFound(w, r)
			return
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		body, _ := json.Marshal(o)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write(body)
	})
}

func answerCanned() {
	body := []byte(`{"mode":"async","detail":"async_io_task(0.0s) done"}`)
	http.HandleFunc("/async/await-one", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "52")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Lanes-Worker", "loop-1")
		w.Header().Set("Server-Timing", "queue;dur=0.000, loop;dur=0.010, await;dur=0.010, "+
			"pool-queue;dur=0.000, pool;dur=0.000")
		w.Write(body)
	})
}

func main() {
	if os.Getenv("DATABASE") != "" {
		answerOrders()
	} else {
		answerCanned()
	}
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(fcgi.Serve(listener, nil))
}
