package rredis

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// resident is the process's memory, in KiB: C's and Go's.
func resident(t *testing.T) int {
	t.Helper()
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

// settled is what remains of it when Go has collected and given back its garbage.
func settled(t *testing.T) int {
	t.Helper()
	for i := 0; i < 2; i++ { // a finalizer runs after one collection, and what it held goes in the next
		debug.FreeOSMemory()
		time.Sleep(10 * time.Millisecond)
	}
	return resident(t)
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
	s, err := c.Subscriber()
	equal(t, err, nil)
	defer s.Close()
	handled := 0
	equal(t, s.On(TopicChannel, "go:handled", func(Message) { handled++ }), nil)
	equal(t, s.Subscribe(background, "go:handled", "go:flat"), nil)
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
		"each reply": func(i int) error {
			return c.Pipeline().Add("PING").Add("HGETALL", "go:h").Each(background, Call{}, func(int, any) error { return nil })
		},
		"a transaction": func(i int) error { return transaction(c) },
		// One with a handler, and one that Next gives.
		"messages": func(i int) error {
			if _, err := c.Pipeline().Add("PUBLISH", "go:handled", i).Add("PUBLISH", "go:flat", i).Run(background); err != nil {
				return err
			}
			_, err := s.Next(background)
			return err
		},
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
		before := settled(t)
		run(n)
		after := settled(t)
		t.Logf("%s: %d KiB before, %d KiB after %d", what, before, after, n)
		// 100 bytes of each of 100 000 would be 9765 KiB.
		if after > before+6144 {
			t.Errorf("%s: %d KiB before, %d KiB after %d", what, before, after, n)
		}
		if what == "messages" {
			equal(t, handled, n+n/5+200)
		}
	}
}

// A value that is used again gives Go no reason to collect garbage: what C has of it must be freed all the same.
func TestLargeArgumentsAreFreedAtOnce(t *testing.T) {
	c := client(t)
	value := make([]byte, 1<<20)
	sends := map[string]func() error{
		"a command":  func() error { _, err := c.Do(background, "SET", "go:large", value); return err },
		"a pipeline": func() error { _, err := c.Pipeline().Add("SET", "go:large", value).Run(background); return err },
	}
	for what, send := range sends {
		equal(t, send(), nil)
		before, peak := resident(t), 0
		for i := 0; i < count(2000, 200); i++ {
			equal(t, send(), nil)
			if now := resident(t); now > peak {
				peak = now
			}
		}
		if peak > before+64<<10 {
			t.Errorf("%s: %d KiB before, and up to %d KiB", what, before, peak)
		}
	}
	do(t, c, "DEL", "go:large")
}

var largeValue = make([]byte, 200_000)

func large(c *Client, i int) error {
	if i%100 > 0 {
		return nil
	}
	_, err := c.Do(background, "SET", "go:large", largeValue)
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
