package rredis

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// resident is the process's memory, in KiB: C's and Go's.
func resident(t *testing.T) int {
	runtime.GC()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("this system does not say how much memory a process has")
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib
}

// Each kind of operation, 100 000 times in the long form, leaves the memory as it was.
func TestMemoryStaysFlat(t *testing.T) {
	c := client(t, OnResponse("ECHO", func(r *Response) (any, error) {
		if r.Args[1] == "bad" {
			return nil, fmt.Errorf("bad")
		}
		return r.Reply, nil
	}))
	do(t, c, "DEL", "go:h")
	for i := 0; i < 50; i++ {
		do(t, c, "HSET", "go:h", i, strings.Repeat("x", 100))
	}
	script := NewScript("return ARGV[1]")
	operations := map[string]func(i int) error{
		"a command":     func(i int) error { _, err := c.Do(background, "SET", "go:flat", i); return err },
		"a map":         func(i int) error { _, err := c.Do(background, "HGETALL", "go:h"); return err },
		"a script":      func(i int) error { _, err := script.Run(background, c, nil, i); return err },
		"a callback":    func(i int) error { _, err := c.Do(background, "ECHO", i); return err },
		"an error":      func(i int) error { c.Do(background, "INCR", "go:h"); c.Do(background, "ECHO", "bad"); return nil },
		"a large value": func(i int) error { return large(c, i) },
		"a pipeline": func(i int) error {
			_, err := c.Pipeline().Add("PING").Add("HGETALL", "go:h").Run(background)
			return err
		},
		"a transaction": func(i int) error { return transaction(c) },
		"a context": func(i int) error {
			ctx, cancel := context.WithCancel(background)
			defer cancel()
			_, err := c.Do(ctx, "PING")
			return err
		},
		"a connection": func(i int) error {
			conn, err := c.Conn(background)
			if err == nil {
				conn.Close()
			}
			return err
		},
		"a new client": func(i int) error { return fresh(i) },
	}
	for what, operation := range operations {
		run := func(n int) {
			t.Helper()
			for i := 0; i < n; i++ {
				if err := operation(i); err != nil {
					t.Fatal(what, err)
				}
			}
		}
		n := count(100_000, 300)
		run(n/5 + 200)
		before := resident(t)
		run(n)
		after := resident(t)
		t.Logf("%s: %d KiB before, %d KiB after %d", what, before, after, n)
		if after > before+before/4+8192 {
			t.Errorf("%s: %d KiB before, %d KiB after %d", what, before, after, n)
		}
	}
}

func large(c *Client, i int) error {
	if i%100 > 0 {
		return nil
	}
	_, err := c.Do(background, "ECHO", strings.Repeat("x", 200_000))
	return err
}

func transaction(c *Client) error {
	_, err := c.Transact(background, func(tx *Tx) error {
		if _, err := tx.Do("GET", "go:flat"); err != nil {
			return err
		}
		return tx.Add("SET", "go:flat", 1)
	}, "go:flat")
	return err
}

// fresh makes a client and uses it, now and then.
func fresh(i int) error {
	c, err := New(url())
	if err != nil {
		return err
	}
	defer c.Close()
	if i%50 == 0 {
		_, err = c.Do(background, "PING")
	}
	return err
}

// One client for all goroutines: each gets its own replies, also while others' contexts end their calls, or are ended.
func TestOneClientForAllGoroutines(t *testing.T) {
	c := client(t)
	goroutines, each := 64, count(100_000, 6_400)/64
	var all sync.WaitGroup
	for g := 0; g < goroutines; g++ {
		all.Add(1)
		go func(g int) {
			defer all.Done()
			for i := 0; i < each; i++ {
				want := fmt.Sprint(g, "-", i)
				ctx, cancel := context.WithCancel(background)
				switch i % 8 {
				case 6:
					ctx, cancel = context.WithTimeout(background, time.Duration(i%500)*time.Microsecond)
				case 7:
					replies, err := c.Pipeline().Add("ECHO", want).Add("ECHO", g).Run(ctx)
					if err != nil || replies[0] != want || replies[1] != fmt.Sprint(g) {
						t.Error(replies, err)
					}
				}
				reply, err := c.Do(ctx, "ECHO", want)
				if err != nil && (i%8 != 6 || ctx.Err() == nil && time.Since(deadline(ctx)) < -time.Millisecond) {
					t.Error(err)
				}
				if err == nil && reply != want {
					t.Errorf("%v, and not %v", reply, want)
				}
				cancel()
			}
		}(g)
	}
	all.Wait()
}

func deadline(ctx context.Context) time.Time { at, _ := ctx.Deadline(); return at }
