// What a GET and a SET of 64 bytes cost, in processor time of this process, beside go-redis, redigo and a bare call of cgo: one
// crossing that calls the library, reads the reply and frees it. All take turns in one process.
package main

// #cgo pkg-config: rredis
// #include <rredis.h>
// #include <string.h>
// static int bare(const rredis_client *client, size_t argc) {
//   static const char *argv[] = {"GET", "bench:key"};
//   rredis_error err;
//   rredis_reply *reply;
//   if (rredis_client_command(client, argc, argv, NULL, &reply, &err) != RREDIS_OK) return 0;
//   int right = reply->len == 64;
//   rredis_reply_free(reply);
//   return right;
// }
// static rredis_client *connect_to(const char *url, size_t url_len) {
//   rredis_error err;
//   rredis_client *client = NULL;
//   rredis_options *options = rredis_options_new();
//   rredis_options_set_url(options, url, url_len, &err);
//   rredis_client_new(options, &client, &err);
//   rredis_options_free(options);
//   return client;
// }
import "C"

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"
	goredis "gopkg.in/redis.v5"

	"rredis"
)

type way struct {
	name string
	get  func() bool
}

func main() {
	url := os.Getenv("RREDIS_URL")
	address := strings.TrimPrefix(url, "redis://")
	turns, _ := strconv.Atoi(os.Getenv("RREDIS_TURNS"))
	if turns == 0 {
		turns = 9
	}
	value := strings.Repeat("x", 64)
	ctx := context.Background()
	ours, err := rredis.New(url)
	check(err)
	_, err = ours.Do(ctx, "SET", "bench:key", value)
	check(err)
	theirs := goredis.NewClient(&goredis.Options{Addr: address, PoolSize: 64})
	pool := &redis.Pool{MaxIdle: 64, MaxActive: 64, Wait: true, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", address) }}
	always := connect(url + "?share=" + strconv.Itoa(rredis.ShareAlways))
	busy := connect(url)
	until, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	ways := []way{
		{"rredis", func() bool {
			s, err := rredis.As[string](ours.Do(ctx, "GET", "bench:key"))
			return err == nil && s == value
		}},
		{"rredis, cancellable", func() bool {
			s, err := rredis.As[string](ours.Do(until, "GET", "bench:key"))
			return err == nil && s == value
		}},
		{"bare cgo, shared", func() bool { return C.bare(always, 2) == 1 }},
		{"bare cgo", func() bool { return C.bare(busy, 2) == 1 }},
		{"go-redis 5", func() bool { s, err := theirs.Get("bench:key").Result(); return err == nil && s == value }},
		{"redigo", func() bool {
			c := pool.Get()
			defer c.Close()
			s, err := redis.String(c.Do("GET", "bench:key"))
			return err == nil && s == value
		}},
	}
	fmt.Printf("A GET of 64 bytes in Go: processor time for one, as a multiple of rredis's, the median of %d turns\n\n", turns)
	fmt.Printf("  %-22s %12s %12s %12s\n", "", "1 goroutine", "16", "128")
	table := make([][]float64, len(ways))
	for _, goroutines := range []int{1, 16, 128} {
		all := make([][]float64, len(ways))
		for turn := 0; turn <= turns; turn++ {
			for place := range ways {
				// Each comes first in its turn: who does pays for the cold caches of the one before.
				i := (place + turn) % len(ways)
				cost := measure(ways[i], goroutines, 16000)
				if turn > 0 { // the first warms up
					all[i] = append(all[i], cost)
				}
			}
		}
		for i := range ways {
			sort.Float64s(all[i])
			table[i] = append(table[i], all[i][len(all[i])/2])
		}
	}
	for i, w := range ways {
		fmt.Printf("  %-22s", w.name)
		for column := range table[i] {
			fmt.Printf(" %12.2f", table[i][column]/table[0][column])
		}
		fmt.Println()
	}
}

func measure(w way, goroutines, operations int) float64 {
	var all sync.WaitGroup
	before := cpu()
	for g := 0; g < goroutines; g++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < operations/goroutines; i++ {
				if !w.get() {
					check(fmt.Errorf("%s: a GET failed", w.name))
				}
			}
		}()
	}
	all.Wait()
	return float64(cpu()-before) / float64(operations/goroutines*goroutines)
}

func cpu() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func connect(url string) *C.rredis_client {
	text := C.CString(url)
	return C.connect_to(text, C.size_t(len(url)))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
