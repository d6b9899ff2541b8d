// What a GET, a SET, an LRANGE of 100 and a pipeline of 100 GETs cost, in processor time of this process, beside go-redis 5, redigo
// and a bare call of cgo: one crossing that calls the library, reads the reply and frees it. All take turns in one process.
package main

// #cgo pkg-config: rredis
// #include <rredis.h>
// #include <string.h>
// static int read_it(const rredis_reply *reply, size_t elements, size_t len) {
//   if (elements == 0) return reply->kind == RREDIS_REPLY_BOOL || reply->len == len;
//   size_t right = 0;
//   for (size_t i = 0; i < reply->len; i++) right += reply->elements[i].len == len;
//   return reply->len == elements && right == elements;
// }
// static int bare(const rredis_client *client, size_t argc, const char *a, const char *b, const char *c, const char *d,
//                 size_t elements, size_t len) {
//   const char *argv[] = {a, b, c, d};
//   rredis_error err;
//   rredis_reply *reply;
//   if (rredis_client_command(client, argc, argv, NULL, &reply, &err) != RREDIS_OK) return 0;
//   int right = read_it(reply, elements, len);
//   rredis_reply_free(reply);
//   return right;
// }
// static int bare_pipeline(const rredis_client *client, size_t commands, const char *key, size_t len) {
//   // One for each thread, of the only client that is given.
//   static __thread rredis_pipeline *pipeline;
//   const char *argv[] = {"GET", key};
//   rredis_error err;
//   rredis_reply *reply;
//   if (!pipeline && rredis_pipeline_new(client, &pipeline, &err) != RREDIS_OK) return 0;
//   for (size_t i = 0; i < commands; i++)
//     if (rredis_pipeline_add(pipeline, 2, argv, NULL, &err) != RREDIS_OK) return 0;
//   if (rredis_pipeline_run(pipeline, RREDIS_PIPELINE_PLAIN, &reply, &err) != RREDIS_OK) return 0;
//   int right = read_it(reply, commands, len);
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

const rows = 100

// A way of an operation: once reports whether the reply was right.
type way struct {
	name string
	once func() bool
}

type operation struct {
	name  string
	count int
	ways  []way
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
	_, err = ours.Do(ctx, "DEL", "bench:list")
	check(err)
	for i := 0; i < rows; i++ {
		_, err = ours.Do(ctx, "RPUSH", "bench:list", value)
		check(err)
	}
	theirs := goredis.NewClient(&goredis.Options{Addr: address, PoolSize: 64})
	pool := &redis.Pool{MaxIdle: 64, MaxActive: 64, Wait: true, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", address) }}
	always := connect(url + "?share=" + strconv.Itoa(rredis.ShareAlways))
	busy := connect(url)
	until, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()

	// The ways of one command, whose reply theirs and redigo's read by functions of their own.
	command := func(name string, count int, args []any, elements int, right func(reply any, err error) bool,
		go5 func() bool, redigo func(c redis.Conn) bool) operation {
		texts := [4]*C.char{}
		for i, arg := range args {
			texts[i] = C.CString(fmt.Sprint(arg))
		}
		bare := func(client *C.rredis_client) bool {
			return C.bare(client, C.size_t(len(args)), texts[0], texts[1], texts[2], texts[3], C.size_t(elements), C.size_t(len(value))) == 1
		}
		return operation{name, count, []way{
			{"rredis", func() bool { return right(ours.Do(ctx, args...)) }},
			{"rredis, cancellable", func() bool { return right(ours.Do(until, args...)) }},
			{"bare cgo, shared", func() bool { return bare(always) }},
			{"bare cgo", func() bool { return bare(busy) }},
			{"go-redis 5", go5},
			{"redigo", func() bool {
				c := pool.Get()
				defer c.Close()
				return redigo(c)
			}},
		}}
	}
	key := C.CString("bench:key")
	gets := func(ctx context.Context) bool {
		p := ours.Pipeline()
		for i := 0; i < rows; i++ {
			p.Add("GET", "bench:key")
		}
		replies, err := p.Run(ctx)
		return err == nil && len(replies) == rows && replies[rows-1] == value
	}
	operations := []operation{
		command("GET of 64 bytes", 8000, []any{"GET", "bench:key"}, 0,
			func(reply any, err error) bool {
				s, err := rredis.As[string](reply, err)
				return err == nil && s == value
			},
			func() bool { s, err := theirs.Get("bench:key").Result(); return err == nil && s == value },
			func(c redis.Conn) bool {
				s, err := redis.String(c.Do("GET", "bench:key"))
				return err == nil && s == value
			}),
		command("SET of 64 bytes", 8000, []any{"SET", "bench:key", value}, 0,
			func(reply any, err error) bool { return err == nil && reply == true },
			func() bool { return theirs.Set("bench:key", value, 0).Err() == nil },
			func(c redis.Conn) bool { _, err := c.Do("SET", "bench:key", value); return err == nil }),
		command("LRANGE of 100", 2000, []any{"LRANGE", "bench:list", 0, -1}, rows,
			func(reply any, err error) bool {
				list, err := rredis.As[[]string](reply, err)
				return err == nil && len(list) == rows && list[rows-1] == value
			},
			func() bool {
				list, err := theirs.LRange("bench:list", 0, -1).Result()
				return err == nil && len(list) == rows && list[rows-1] == value
			},
			func(c redis.Conn) bool {
				list, err := redis.Strings(c.Do("LRANGE", "bench:list", 0, -1))
				return err == nil && len(list) == rows && list[rows-1] == value
			}),
		{"100 GET, pipeline", 1000, []way{
			{"rredis", func() bool { return gets(ctx) }},
			{"rredis, cancellable", func() bool { return gets(until) }},
			{"bare cgo", func() bool { return C.bare_pipeline(busy, rows, key, C.size_t(len(value))) == 1 }},
			{"go-redis 5", func() bool {
				p := theirs.Pipeline()
				defer p.Close()
				for i := 0; i < rows; i++ {
					p.Get("bench:key")
				}
				replies, err := p.Exec()
				return err == nil && len(replies) == rows && replies[rows-1].(*goredis.StringCmd).Val() == value
			}},
			{"redigo", func() bool {
				c := pool.Get()
				defer c.Close()
				for i := 0; i < rows; i++ {
					if c.Send("GET", "bench:key") != nil {
						return false
					}
				}
				last := ""
				err := c.Flush()
				for i := 0; i < rows && err == nil; i++ {
					last, err = redis.String(c.Receive())
				}
				return err == nil && last == value
			}},
		}},
	}
	fmt.Printf("Processor time in Go, as a multiple of rredis's in the same turn: the median of %d turns\n\n", turns)
	fmt.Printf("  %-22s %12s %12s %12s\n", "goroutines", "1", "16", "128")
	for _, o := range operations {
		fmt.Println(o.name)
		table := make([][]float64, len(o.ways))
		for _, goroutines := range []int{1, 16, 128} {
			for i, median := range compare(o, goroutines, turns) {
				table[i] = append(table[i], median)
			}
		}
		for i, w := range o.ways {
			fmt.Printf("  %-22s", w.name)
			for _, median := range table[i] {
				fmt.Printf(" %12.2f", median)
			}
			fmt.Println()
		}
	}
}

// compare gives the median of each way's multiples of the first's cost.
func compare(o operation, goroutines, turns int) []float64 {
	all := make([][]float64, len(o.ways))
	for turn := 0; turn <= turns; turn++ {
		costs := make([]float64, len(o.ways))
		for place := range o.ways {
			// Each comes first in its turn: who does pays for the cold caches of the one before.
			i := (place + turn) % len(o.ways)
			costs[i] = measure(o.name, o.ways[i], goroutines, o.count)
		}
		if turn > 0 { // the first warms up
			for i, cost := range costs {
				all[i] = append(all[i], cost/costs[0])
			}
		}
	}
	medians := make([]float64, len(o.ways))
	for i := range all {
		sort.Float64s(all[i])
		medians[i] = all[i][len(all[i])/2]
	}
	return medians
}

func measure(what string, w way, goroutines, operations int) float64 {
	var all sync.WaitGroup
	before := cpu()
	for g := 0; g < goroutines; g++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < operations/goroutines; i++ {
				if !w.once() {
					check(fmt.Errorf("%s: a %s failed", w.name, what))
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
