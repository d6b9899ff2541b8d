package rredis

import (
	"context"
	"errors"
	"math"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// A script that takes 300 ms.
const slow = "local function now() local t = redis.call('TIME') return t[1] * 1e6 + t[2] end local begin = now() while now() - begin < 3e5 do end"

var background = context.Background()

func url() string {
	if url := os.Getenv("RREDIS_URL"); url != "" {
		return url
	}
	return "redis://127.0.0.1:6379"
}

// short says whether the short form is meant, and long is so many then.
func count(long, short int) int {
	if os.Getenv("RREDIS_SHORT") != "" {
		return short
	}
	return long
}

func client(t testing.TB, settings ...Setting) *Client {
	t.Helper()
	c, err := New(url(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// do runs a command that has to succeed.
func do(t testing.TB, c *Client, args ...any) any {
	t.Helper()
	reply, err := c.Do(background, args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return reply
}

func equal(t testing.TB, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %#v, and not %#v", got, want)
	}
}

func failed(t testing.TB, err error, status Status, outcome Outcome) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Status != status || e.Outcome != outcome {
		t.Fatalf("got %#v, and not %v %v", err, status, outcome)
	}
	return e
}

func TestRepliesAreAlikeInBothProtocols(t *testing.T) {
	for _, protocol := range []int{2, 3} {
		c := client(t, Set(OptionProtocol, protocol))
		do(t, c, "DEL", "go:h", "go:z", "go:s")
		bytes := "a\x00b\xff"
		equal(t, do(t, c, "SET", "go:key", bytes), true)
		equal(t, do(t, c, "GET", "go:key"), bytes)
		equal(t, do(t, c, "GET", "go:absent"), nil)
		equal(t, do(t, c, "HSET", "go:h", "one", 1, "two", 2.5), int64(2))
		equal(t, do(t, c, "HGETALL", "go:h"), map[string]any{"one": "1", "two": "2.5"})
		equal(t, do(t, c, "ZADD", "go:z", 1.5, "a", math.Inf(1), "b"), int64(2))
		equal(t, do(t, c, "ZSCORE", "go:z", "a"), 1.5)
		equal(t, do(t, c, "ZRANGE", "go:z", 0, -1, "WITHSCORES"), []any{[]any{"a", 1.5}, []any{"b", math.Inf(1)}})
		equal(t, do(t, c, "SADD", "go:s", []string{"x"}), int64(1))
		equal(t, do(t, c, "SMEMBERS", "go:s"), []any{"x"})
		equal(t, do(t, c, "EVAL", "return {1, {err='MY own'}, false}", 0).([]any)[1].(*Error).Message, "MY own")
		large := strings.Repeat("x", 100_000)
		equal(t, do(t, c, "SET", []byte("go:key"), large), true)
		equal(t, do(t, c, "GET", "go:key"), large)
		many := make([]any, 2000)
		for i := range many {
			many[i] = i
		}
		do(t, c, "DEL", "go:l")
		equal(t, do(t, c, "RPUSH", "go:l", many), int64(2000))
		equal(t, len(do(t, c, "LRANGE", "go:l", 0, -1).([]any)), 2000)
		do(t, c, "DEL", "go:l")
	}
}

func TestAs(t *testing.T) {
	c := client(t)
	do(t, c, "DEL", "go:h", "go:l")
	do(t, c, "SET", "go:n", 42)
	do(t, c, "HSET", "go:h", "a", 1)
	do(t, c, "RPUSH", "go:l", 1, 2)
	get := func(args ...any) (any, error) { return c.Do(background, args...) }
	check := func(got any, err error, want any) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		equal(t, got, want)
	}
	n, err := As[int](get("GET", "go:n"))
	check(n, err, 42)
	u, err := As[uint8](get("INCR", "go:n"))
	check(u, err, uint8(43))
	b, err := As[[]byte](get("GET", "go:n"))
	check(b, err, []byte("43"))
	l, err := As[[]int64](get("LRANGE", "go:l", 0, -1))
	check(l, err, []int64{1, 2})
	m, err := As[map[string]float64](get("HGETALL", "go:h"))
	check(m, err, map[string]float64{"a": 1})
	p, err := As[*string](get("GET", "go:absent"))
	check(p, err, (*string)(nil))
	if _, err := As[string](get("GET", "go:absent")); err != ErrNil {
		t.Fatal(err)
	}
	var shape *ShapeError
	if _, err := As[int](get("LRANGE", "go:l", 0, -1)); !errors.As(err, &shape) {
		t.Fatal(err)
	}
	do(t, c, "SET", "go:n", 300)
	if _, err := As[int8](get("GET", "go:n")); !errors.As(err, &shape) {
		t.Fatal("300 is no int8")
	}
}

func TestErrors(t *testing.T) {
	c := client(t)
	do(t, c, "DEL", "go:l")
	do(t, c, "RPUSH", "go:l", 1)
	_, err := c.Do(background, "INCR", "go:l")
	e := failed(t, err, ErrServer, OutcomeRefused)
	if !strings.HasPrefix(e.Message, "WRONGTYPE ") || !errors.Is(err, ErrServer) || errors.Is(err, ErrIO) {
		t.Fatal(err)
	}
	for _, wrong := range []any{true, nil, struct{}{}, time.Second, math.NaN(), map[string]int{}} {
		_, err := c.Do(background, "SET", "go:x", wrong)
		failed(t, err, ErrArgument, OutcomeNotSent)
	}
	_, err = c.Do(background)
	if !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	if _, err := New("redis://127.0.0.1:1/?nonsense=1"); !errors.Is(err, ErrConfig) {
		t.Fatal(err)
	}
	nobody, err := New("redis://127.0.0.1:1", Set(OptionRetryMax, 0))
	if err != nil {
		t.Fatal(err)
	}
	_, err = nobody.Do(background, "PING")
	failed(t, err, ErrConnect, OutcomeNotSent)
	nobody.Close()
	nobody.Close()
	_, err = nobody.Do(background, "PING")
	failed(t, err, ErrState, OutcomeNotSent)
	reply, err := c.DoWith(background, Call{Flags: CallErrorReply}, "INCR", "go:l")
	if e, is := reply.(*Error); err != nil || !is || !strings.HasPrefix(e.Message, "WRONGTYPE") {
		t.Fatal(reply, err)
	}
}

func TestPipelines(t *testing.T) {
	c := client(t)
	script := NewScript("return {KEYS[1], ARGV[1]}")
	p := c.Pipeline()
	for turn := 0; turn < 3; turn++ {
		p.Add("SET", "go:n", 1).Add("INCR", "go:n").Add("LPUSH", "go:n", 1).Script(script, []string{"go:k"}, turn)
		p.AddWith(CallRaw, "ECHO", "")
		equal(t, p.Len(), 5)
		replies, err := p.Run(background)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, replies[:2], []any{true, int64(2)})
		if e, is := replies[2].(*Error); !is || !strings.HasPrefix(e.Message, "WRONGTYPE") {
			t.Fatal(replies[2])
		}
		equal(t, replies[3], []any{"go:k", string(rune('0' + turn))})
		equal(t, replies[4], "")
	}
	replies, err := p.Run(background)
	if err != nil || len(replies) != 0 {
		t.Fatal(replies, err)
	}
	replies, err = c.Pipeline().Add("INCR", "go:n").Add("INCR", "go:n").Exec(background)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, replies, []any{int64(3), int64(4)})
	_, err = c.Pipeline().Add("INCR", "go:n").Add("NONSENSE").Exec(background)
	failed(t, err, ErrAborted, OutcomeRefused)
	_, err = c.Pipeline().Add("SET", "go:n", false).Run(background)
	if !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	_, err = c.Pipeline().Add("SELECT", 1).Run(background)
	if !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	equal(t, do(t, c, "GET", "go:n"), "4")

	many := c.Pipeline()
	for i := 0; i < 5000; i++ {
		many.Add("ECHO", i)
	}
	next := 0
	err = many.Each(background, Call{}, func(index int, reply any) error {
		if n, err := As[int](reply, nil); err != nil || n != next || index != next {
			t.Error(index, reply)
		}
		next++
		return nil
	})
	if err != nil || next != 5000 {
		t.Fatal(next, err)
	}
}

func TestTransactions(t *testing.T) {
	c := client(t)
	do(t, c, "SET", "go:n", 0)
	var all sync.WaitGroup
	for g := 0; g < 8; g++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < 10; i++ {
				_, err := c.Transact(background, func(tx *Tx) error {
					n, err := As[int](tx.Do("GET", "go:n"))
					if err != nil {
						return err
					}
					return tx.Add("SET", "go:n", n+1)
				}, "go:n")
				if err != nil {
					t.Error(err)
				}
			}
		}()
	}
	all.Wait()
	equal(t, do(t, c, "GET", "go:n"), "80")

	mine := errors.New("mine")
	var kept *Tx
	_, err := c.Transact(background, func(tx *Tx) error {
		kept = tx
		if err := tx.Add("SET", "go:n", "no"); err != nil {
			return err
		}
		return mine
	}, "go:n")
	failed(t, err, ErrCallback, OutcomeNotSent)
	if !errors.Is(err, mine) {
		t.Fatal(err)
	}
	if err := kept.Add("SET", "go:n", "no"); !errors.Is(err, ErrState) {
		t.Fatal(err)
	}
	equal(t, do(t, c, "GET", "go:n"), "80")
}

func TestScripts(t *testing.T) {
	c := client(t)
	do(t, c, "SCRIPT", "FLUSH")
	s := NewScript("return redis.call('SET', KEYS[1], ARGV[1])")
	equal(t, len(s.SHA()), 40)
	for i := 0; i < 3; i++ {
		if _, err := s.Run(background, c, []string{"go:n"}, i); err != nil {
			t.Fatal(err)
		}
		equal(t, do(t, c, "GET", "go:n"), string(rune('0'+i)))
	}
	_, err := NewScript("return redis.error_reply('MY own')").Run(background, c, nil)
	failed(t, err, ErrServer, OutcomeUnknown)
}

func TestConnections(t *testing.T) {
	c := client(t)
	conn, err := c.Conn(background)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Do(background, "SELECT", 1); err != nil {
		t.Fatal(err)
	}
	if err := conn.Send(background, "ECHO", "one"); err != nil {
		t.Fatal(err)
	}
	reply, err := conn.Receive(background)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, reply, "one")
	conn.Close()
	_, err = conn.Do(background, "PING")
	failed(t, err, ErrState, OutcomeNotSent)
}

func TestPublishAndSubscribe(t *testing.T) {
	for _, protocol := range []int{2, 3} {
		c := client(t, Set(OptionProtocol, protocol), Set(OptionPubsubConfirmations, 1))
		s, err := c.Subscriber()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Subscribe(background, "go:news"); err != nil {
			t.Fatal(err)
		}
		if err := s.SubscribeTo(background, TopicPattern, "go:p*"); err != nil {
			t.Fatal(err)
		}
		for _, want := range []Message{{Kind: "subscribe", Channel: "go:news", Count: 1}, {Kind: "psubscribe", Channel: "go:p*", Count: 2}} {
			m, err := s.Next(background)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, m, want)
		}
		do(t, c, "PUBLISH", "go:news", "hello")
		do(t, c, "PUBLISH", "go:people", "you")
		for _, want := range []Message{{Kind: "message", Channel: "go:news", Payload: "hello"}, {Kind: "pmessage", Pattern: "go:p*", Channel: "go:people", Payload: "you"}} {
			m, err := s.Next(background)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, m, want)
		}
		got := make(chan Message, 10)
		handler := func(m Message) { got <- m }
		if err := s.On(TopicChannel, "go:news", handler); err != nil {
			t.Fatal(err)
		}
		if err := s.On(TopicPattern, "go:p*", handler); err != nil {
			t.Fatal(err)
		}
		over := make(chan error)
		go func() { over <- s.Run(background) }()
		do(t, c, "PUBLISH", "go:news", "again")
		equal(t, <-got, Message{Kind: "message", Channel: "go:news", Payload: "again"})
		s.Close()
		failed(t, <-over, ErrWoken, OutcomeNone)
	}
}

func TestPools(t *testing.T) {
	asked := make(chan string, 2)
	pool, err := NewPool(url(), Set(OptionPoolMax, 2), Set(OptionCommandTimeout, 300*time.Millisecond),
		OnCredentials(func(endpoint string) (string, string, error) { asked <- endpoint; return "", "any", nil }))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := pool.Warm(background, 2); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 2; i++ {
		c, err := pool.Client(Set(OptionRetryMax, 0))
		if err != nil {
			t.Fatal(err)
		}
		do(t, c, "PING")
		if i == 0 {
			// The pool's timeout is the client's. A client with a longer one waits until the server is free again.
			_, err = c.Do(background, "EVAL", strings.Replace(slow, "3e5", "2e6", 1), 0)
			failed(t, err, ErrTimeout, OutcomeUnknown)
			do(t, client(t), "PING")
		}
		c.Close()
	}
	equal(t, len(asked), 2)
	pool.DropIdle()
	equal(t, pool.Stat(StatConnections), int64(0))
}

// Every enumerator of the header that a program may need has its name here.
func TestEveryNameOfTheHeaderIsHere(t *testing.T) {
	header, err := os.ReadFile(os.Getenv("RREDIS_INCLUDE") + "/rredis.h")
	if err != nil {
		t.Skip("RREDIS_INCLUDE names no folder with the header")
	}
	names, err := os.ReadFile("names.go")
	if err != nil {
		t.Fatal(err)
	}
	words := func(text []byte) []string {
		return strings.FieldsFunc(string(text), func(r rune) bool { return !(r == '_' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') })
	}
	// The binding sets three by itself, and the header's text has one as an example.
	here := map[string]bool{"RREDIS_CALL_DEFAULT": true, "RREDIS_CALL_TIMEOUT": true, "RREDIS_CALL_MORE": true, "RREDIS_ERR_Y": true}
	for _, word := range words(names) {
		here[word] = true
	}
	for _, word := range words(header) {
		for _, prefix := range []string{"RREDIS_ERR_", "RREDIS_OUTCOME_", "RREDIS_OPTION_", "RREDIS_STAT_", "RREDIS_TOPIC_", "RREDIS_TARGET_", "RREDIS_CALL_", "RREDIS_SHARE_", "RREDIS_READ_", "RREDIS_TOPOLOGY_", "RREDIS_SHAPE_", "RREDIS_PARSER_"} {
			if strings.HasPrefix(word, prefix) && word != prefix && !here[word] {
				t.Error(word, "is missing in names.go")
				here[word] = true
			}
		}
	}
}

func TestQueuedOnAConnection(t *testing.T) {
	c := client(t)
	conn, err := c.Conn(background)
	equal(t, err, nil)
	defer conn.Close()
	equal(t, conn.Queue(background, "ECHO", "one"), nil)
	equal(t, conn.Send(background, "ECHO", "two"), nil)
	for _, want := range []string{"one", "two"} {
		reply, err := conn.Receive(background)
		equal(t, err, nil)
		equal(t, reply, want)
	}
	equal(t, strings.Count(Version(), "."), 2)
}
