package rredis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Each wait is ended by its context: one that is done before it has begun, soon after, and long after.
func TestAContextEndsEveryWait(t *testing.T) {
	c := client(t, Set(OptionPoolMax, 4), Set(OptionPubsubConfirmations, 1))
	do(t, c, "DEL", "go:nothing")
	s, err := c.Subscriber()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Subscribe(background, "go:wait"); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Next(background); err != nil || m.Kind != "subscribe" {
		t.Fatal(m, err)
	}
	conn, err := c.Conn(background)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Send(background, "BLPOP", "go:nothing", 0); err != nil {
		t.Fatal(err)
	}
	script := NewScript(slow)
	full := client(t, Set(OptionPoolMax, 1), Set(OptionPoolWait, time.Minute))
	last, err := full.Conn(background)
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	url := silent(t)
	mute, err := New(url, Set(OptionConnectTimeout, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	// While one call asks for the servers, another is told of those that are known: each has a client of its own.
	cluster := func(call func(c *Client) error) error {
		c, err := New("redis+cluster"+strings.TrimPrefix(url, "redis"), Set(OptionConnectTimeout, time.Minute))
		if err != nil {
			return err
		}
		defer c.Close()
		return call(c)
	}
	pool, err := NewPool(url, Set(OptionConnectTimeout, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	waits := map[string]func(ctx context.Context) error{
		"a command": func(ctx context.Context) error { _, err := c.Do(ctx, "BLPOP", "go:nothing", 0); return err },
		"a pipeline": func(ctx context.Context) error {
			_, err := c.Pipeline().Add("PING").Add("BLPOP", "go:nothing", 0).Run(ctx)
			return err
		},
		"a transaction": func(ctx context.Context) error {
			_, err := c.Transact(ctx, func(tx *Tx) error { _, err := tx.Do("BLPOP", "go:nothing", 0); return err }, "go:n")
			return err
		},
		"each reply": func(ctx context.Context) error {
			return c.Pipeline().Add("PING").Add("BLPOP", "go:nothing", 0).Each(ctx, Call{}, func(int, any) error { return nil })
		},
		"a script":     func(ctx context.Context) error { _, err := script.Run(ctx, c, nil); return err },
		"a subscriber": func(ctx context.Context) error { _, err := s.Next(ctx); return err },
		"a receive":    func(ctx context.Context) error { _, err := conn.Receive(ctx); return err },
		"a full pool":  func(ctx context.Context) error { _, err := full.Do(ctx, "PING"); return err },
		"the lease of a connection": func(ctx context.Context) error {
			_, err := full.Conn(ctx)
			return err
		},
		"a connect": func(ctx context.Context) error { _, err := mute.Do(ctx, "PING"); return err },
		"a subscriber's connect": func(ctx context.Context) error {
			s, err := mute.Subscriber()
			if err != nil {
				return err
			}
			defer s.Close()
			return s.Subscribe(ctx, "go:wait")
		},
		"the servers": func(ctx context.Context) error {
			return cluster(func(c *Client) error { _, err := c.Servers(ctx); return err })
		},
		"one server": func(ctx context.Context) error {
			return cluster(func(c *Client) error { _, err := c.At(ctx, TargetServer, "127.0.0.1:1"); return err })
		},
		"a warmed pool": func(ctx context.Context) error { return pool.Warm(ctx, 2) },
		"a connection": func(ctx context.Context) error {
			other, err := c.Conn(ctx)
			if err != nil {
				return err
			}
			defer other.Close()
			_, err = other.Do(ctx, "BLPOP", "go:nothing", 0)
			return err
		},
		"handlers": func(ctx context.Context) error {
			if err := s.On(TopicChannel, "go:wait", func(Message) {}); err != nil {
				return err
			}
			defer s.On(TopicChannel, "go:wait", nil)
			return s.Run(ctx)
		},
	}
	for what, wait := range waits {
		for _, after := range []time.Duration{0, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond} {
			ctx, cancel := context.WithCancel(background)
			timer := time.AfterFunc(after, cancel)
			begin := time.Now()
			err := wait(ctx)
			if late := time.Since(begin) - after; late > 10*time.Second {
				t.Errorf("%s was back %v late", what, late)
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s, cancelled after %v: %#v", what, after, err)
			}
			timer.Stop()
			cancel()

			ctx, cancel = context.WithTimeout(background, after)
			if err := wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s, with %v: %#v", what, after, err)
			}
			cancel()
		}
		// All are as good as before.
		do(t, c, "PING")
		do(t, c, "PUBLISH", "go:wait", what)
		if m, err := s.Next(background); err != nil || m.Payload != what {
			t.Fatal(m, err)
		}
	}
	if n := do(t, c, "LLEN", "go:nothing"); n != int64(0) {
		t.Fatal(n)
	}
	do(t, c, "RPUSH", "go:nothing", "x")
	if reply, err := As[[]string](conn.Receive(background)); err != nil || reply[1] != "x" {
		t.Fatal(reply, err)
	}
	last.Close()
	do(t, full, "PING")
}

// silent gives the URL of a server that never says anything.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return "redis://" + listener.Addr().String()
}

func TestOneOfTwoCallsIsEnded(t *testing.T) {
	c := client(t)
	do(t, c, "DEL", "go:later", "go:nothing")
	other := make(chan error)
	go func() { _, err := c.Do(background, "BLPOP", "go:later", 0); other <- err }()
	ctx, cancel := context.WithTimeout(background, 100*time.Millisecond)
	defer cancel()
	_, err := c.Do(ctx, "BLPOP", "go:nothing", 0)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	do(t, c, "RPUSH", "go:later", "x")
	if err := <-other; err != nil {
		t.Fatal(err)
	}
}

// A deadline shortens the time of a call, and never lengthens it.
func TestADeadlineShortensACall(t *testing.T) {
	c := client(t, Set(OptionCommandTimeout, 50*time.Millisecond))
	ctx, cancel := context.WithTimeout(background, time.Hour)
	defer cancel()
	_, err := c.Do(ctx, "EVAL", slow, 0)
	failed(t, err, ErrTimeout, OutcomeUnknown)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatal("it was not the context's deadline")
	}
	if _, err := c.DoWith(background, Call{Timeout: 10 * time.Second}, "PING"); err != nil {
		t.Fatal(err)
	}
}

func TestCloseEndsWaits(t *testing.T) {
	c, err := New(url(), Set(OptionPoolMax, 16))
	equal(t, err, nil)
	conn, err := c.Conn(background)
	equal(t, err, nil)
	other := client(t)
	do(t, other, "DEL", "go:nothing")
	waits := map[string]func() error{
		"a command":    func() error { _, err := c.Do(background, "BLPOP", "go:nothing", 0); return err },
		"a connection": func() error { _, err := conn.Do(background, "BLPOP", "go:nothing", 0); return err },
		"a pipeline":   func() error { _, err := c.Pipeline().Add("BLPOP", "go:nothing", 0).Run(background); return err },
		"each": func() error {
			return c.Pipeline().Add("BLPOP", "go:nothing", 0).Each(background, Call{}, func(int, any) error { return nil })
		},
		"a transaction": func() error {
			_, err := c.Transact(background, func(tx *Tx) error { _, err := tx.Do("BLPOP", "go:nothing", 0); return err }, "go:n")
			return err
		},
		// These do not block the client in the server: they take their time there.
		"exec":     func() error { _, err := c.Pipeline().Add("EVAL", slow, 0).Exec(background); return err },
		"a script": func() error { _, err := NewScript(slow).Run(background, c, nil); return err },
	}
	type end struct {
		what string
		err  error
	}
	over := make(chan end, len(waits))
	begin := func(what string) { go func() { over <- end{what, waits[what]()} }() }
	for what := range waits {
		if what != "exec" && what != "a script" {
			begin(what)
		}
	}
	within(t, "not all calls wait", func() bool {
		info, err := As[string](other.DoWith(background, Call{Flags: CallRaw}, "INFO", "clients"))
		return err == nil && strings.Contains(info, "blocked_clients:5\r")
	})
	begin("exec")
	begin("a script")
	// The connection's call is none of the client's, which counts itself.
	within(t, "not all calls have begun", func() bool { return c.users.Load() == int64(len(waits)) })
	c.Close()
	conn.Close()
	late := time.After(20 * time.Second)
	for range waits {
		select {
		case end := <-over:
			if !errors.Is(end.err, ErrWoken) {
				t.Errorf("%s: %v", end.what, end.err)
			}
		case <-late:
			t.Fatal("not all waits were ended")
		}
	}
	within(t, "the client is not freed", func() bool { return c.users.Load() == 0 })
}

// within waits until something is so, which it soon is.
func within(t *testing.T, not string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(not)
		}
	}
}

func TestResponseCallbacks(t *testing.T) {
	mine := errors.New("mine")
	c := client(t, OnResponse("ECHO", func(r *Response) (any, error) {
		switch r.Args[1] {
		case "error":
			return nil, mine
		case "panic":
			panic("at the disco")
		case "exit":
			runtime.Goexit()
		case "nested":
			// The client may be used.
			return As[string](r.client(t).Do(background, "ECHO", "inner"))
		}
		return map[string]any{"args": []string{r.Args[0]}, "reply": r.Reply, "n": int64(1), "f": 1.5, "b": true, "nil": nil}, nil
	}))
	callbackClient = c
	equal(t, do(t, c, "ECHO", "x"), map[string]any{"args": []any{"ECHO"}, "reply": "x", "n": int64(1), "f": 1.5, "b": true, "nil": nil})
	_, err := c.Do(background, "ECHO", "error")
	failed(t, err, ErrCallback, OutcomeRan)
	if !errors.Is(err, mine) || err.Error() != "mine" {
		t.Fatal(err)
	}
	raised := func(call func()) (value any) {
		defer func() { value = recover() }()
		call()
		return nil
	}
	equal(t, raised(func() { c.Do(background, "ECHO", "panic") }), "at the disco")
	equal(t, raised(func() { c.Pipeline().Add("PING").Add("ECHO", "panic").Run(background) }), "at the disco")
	exited := make(chan bool)
	go func() {
		returned := false
		defer func() { exited <- !returned }()
		c.Do(background, "ECHO", "exit")
		returned = true
	}()
	if !<-exited {
		t.Fatal("Goexit was lost")
	}
	runs := map[string]func() ([]any, error){
		"a run": func() ([]any, error) {
			return c.Pipeline().Add("PING").Add("ECHO", "error").Add("PING").Run(background)
		},
		"a transaction": func() ([]any, error) {
			return c.Pipeline().Add("PING").Add("ECHO", "error").Add("PING").Exec(background)
		},
		"one with a function": func() ([]any, error) {
			tries := 0
			return c.Transact(background, func(tx *Tx) error {
				// The first try fails, and what is cleared does not count.
				if tries++; tries == 1 {
					do(t, client(t), "INCR", "go:tries")
				}
				equal(t, tx.Add("SET", "go:n", "no"), nil)
				tx.Clear()
				equal(t, tx.Add("PING"), nil)
				equal(t, tx.Add("ECHO", "error"), nil)
				return tx.Add("PING")
			}, "go:tries")
		},
	}
	for what, run := range runs {
		replies, err := run()
		if err != nil || len(replies) != 3 {
			t.Fatal(what, replies, err)
		}
		equal(t, replies[0], true)
		equal(t, replies[2], true)
		e, _ := replies[1].(error)
		failed(t, e, ErrCallback, OutcomeRan)
		if !errors.Is(e, mine) {
			t.Fatal(what, e)
		}
	}
	// With a callback for this client alone, and none.
	var kept *Response
	if err := c.OnResponse("HGETALL", func(r *Response) (any, error) {
		kept = r
		shaped, err := r.Builtin()
		if err != nil {
			return nil, err
		}
		return len(shaped.(map[string]any)), nil
	}); err != nil {
		t.Fatal(err)
	}
	do(t, c, "DEL", "go:h")
	do(t, c, "HSET", "go:h", "a", 1, "b", 2)
	equal(t, do(t, c, "HGETALL", "go:h"), int64(2))
	// The reply is freed by now.
	_, err = kept.Builtin()
	failed(t, err, ErrState, OutcomeNotSent)
	if err := c.OnResponse("HGETALL", nil); err != nil {
		t.Fatal(err)
	}
	equal(t, len(do(t, c, "HGETALL", "go:h").(map[string]any)), 2)
	do(t, c, "PING")
}

var callbackClient *Client

func (r *Response) client(testing.TB) *Client { return callbackClient }

func TestAPanicLeavesEachKindOfCall(t *testing.T) {
	c := client(t)
	raised := func(what string, call func()) {
		t.Helper()
		defer func() {
			if value := recover(); value != what {
				t.Errorf("%v, and not %v", value, what)
			}
		}()
		call()
	}
	raised("transaction", func() {
		c.Transact(background, func(tx *Tx) error { panic("transaction") }, "go:n")
	})
	raised("each", func() {
		c.Pipeline().Add("PING").Add("PING").Each(background, Call{}, func(int, any) error { panic("each") })
	})
	secret := client(t, OnCredentials(func(endpoint string) (string, string, error) {
		panic("credentials for " + endpoint)
	}))
	raised("credentials for "+strings.TrimPrefix(url(), "redis://"), func() { secret.Do(background, "PING") })
	do(t, c, "PING")
}

// A panic of a function that has no call of its own ends the wait of the subscriber that calls it, and is raised there.
func TestAPanicEndsAWaitForMessages(t *testing.T) {
	ctx, cancel := context.WithTimeout(background, time.Minute)
	defer cancel()
	waits := map[string]func(s *Subscriber){
		"Next": func(s *Subscriber) { s.Next(ctx) },
		"Run":  func(s *Subscriber) { s.Run(ctx) },
	}
	for name, wait := range waits {
		raised := func(s *Subscriber, what string) {
			t.Helper()
			begin := time.Now()
			func() {
				defer func() {
					if value := recover(); value != what {
						t.Errorf("%s: %v, and not %v", name, value, what)
					}
				}()
				wait(s)
			}()
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("%s with a panic of %s took %v", name, what, took)
			}
		}
		channel := "go:panic:" + name
		var eventful atomic.Bool
		c := client(t, OnEvent(func(any) {
			if eventful.Load() {
				panic("event")
			}
		}), OnPush(func(any) { panic("push") }))
		s, err := c.Subscriber()
		equal(t, err, nil)
		defer s.Close()
		var seen []string
		equal(t, s.On(TopicChannel, channel, func(m Message) {
			if seen = append(seen, m.Payload); m.Payload == "0" {
				panic("handler")
			}
		}), nil)
		equal(t, s.Subscribe(background, channel), nil)
		within(t, "the server knows of no subscriber", func() bool { return len(do(t, c, "PUBSUB", "CHANNELS", channel).([]any)) == 1 })
		// The server sends these in one burst.
		_, err = c.Pipeline().Add("PUBLISH", channel, 0).Add("PUBLISH", channel, 1).Add("PUBLISH", channel, 2).Exec(background)
		equal(t, err, nil)
		raised(s, "handler")
		equal(t, seen, []string{"0"})

		// None is lost: the next wait passes those behind it.
		soon, cancel := context.WithTimeout(background, 300*time.Millisecond)
		if err := s.Run(soon); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		cancel()
		equal(t, seen, []string{"0", "1", "2"})

		// A push that is no message: the server tells the subscriber of each key that changes.
		quiet := client(t)
		subscribers := do(t, quiet, "CLIENT", "LIST", "TYPE", "pubsub").([]any)
		id := subscribers[len(subscribers)-1].(map[string]any)["id"]
		conn, err := quiet.Conn(background)
		equal(t, err, nil)
		_, err = conn.Do(background, "CLIENT", "TRACKING", "ON", "REDIRECT", id, "BCAST")
		equal(t, err, nil)
		do(t, quiet, "SET", "go:n", 1)
		raised(s, "push")
		conn.Close()

		eventful.Store(true)
		equal(t, do(t, quiet, "CLIENT", "KILL", "ID", id), int64(1))
		raised(s, "event")
		eventful.Store(false)
	}
}

func TestEvents(t *testing.T) {
	var mutex sync.Mutex
	var seen []string
	c := client(t, OnEvent(func(event any) {
		mutex.Lock()
		defer mutex.Unlock()
		seen = append(seen, fmt.Sprint(event.([]any)[0]))
	}))
	do(t, c, "PING")
	mutex.Lock()
	defer mutex.Unlock()
	equal(t, seen, []string{"connected"})
}

// Who waits for a connection that another call has is let go when the context is done, and its time begins with its call.
func TestAContextEndsTheWaitForAConnection(t *testing.T) {
	c := client(t)
	conn, err := c.Conn(background)
	equal(t, err, nil)
	defer conn.Close()
	do(t, c, "DEL", "go:nothing")
	equal(t, conn.Send(background, "BLPOP", "go:nothing", 0), nil)
	other := make(chan error)
	go func() { _, err := conn.Receive(background); other <- err }()
	within(t, "nobody has the connection", func() bool { return len(conn.taken) == 1 })
	waits := map[string]func(ctx context.Context) error{
		"Do":      func(ctx context.Context) error { _, err := conn.Do(ctx, "PING"); return err },
		"Send":    func(ctx context.Context) error { return conn.Send(ctx, "PING") },
		"Receive": func(ctx context.Context) error { _, err := conn.Receive(ctx); return err },
	}
	for what, wait := range waits {
		over := make(chan error)
		cancelled, cancel := context.WithCancel(background)
		go func() { over <- wait(cancelled) }()
		time.Sleep(10 * time.Millisecond)
		cancel()
		late, cancel := context.WithTimeout(background, 10*time.Millisecond)
		go func() { over <- wait(late) }()
		for i := 0; i < 2; i++ {
			select {
			case err := <-over:
				failed(t, err, ErrWoken, OutcomeNotSent)
				if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: %v", what, err)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("%s does not end", what)
			}
		}
		cancel()
	}
	// Who waits without an end is told that the connection is closed.
	behind := make(chan error)
	go func() { _, err := conn.Do(background, "PING"); behind <- err }()
	within(t, "nobody waits", func() bool { return conn.users.Load() == 3 })
	conn.Close()
	failed(t, <-other, ErrWoken, OutcomeNone)
	failed(t, <-behind, ErrState, OutcomeNotSent)
}

func TestAConnectionWithinItsOwnCallback(t *testing.T) {
	var conn *Conn
	within := errors.New("not called")
	c := client(t, OnResponse("ECHO", func(r *Response) (any, error) {
		_, within = conn.Do(background, "PING")
		return r.Reply, nil
	}))
	conn, err := c.Conn(background)
	equal(t, err, nil)
	defer conn.Close()
	over := make(chan error, 1)
	go func() { _, err := conn.Do(background, "ECHO", "x"); over <- err }()
	select {
	case err := <-over:
		equal(t, err, nil)
	case <-time.After(20 * time.Second):
		t.Fatal("the connection waits for itself")
	}
	failed(t, within, ErrState, OutcomeNotSent)
	_, err = conn.Do(background, "PING")
	equal(t, err, nil)
}
