package rredis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"testing"
	"time"
)

// of makes a client of the servers that tools/bindings has started, and a prefix for its keys.
func of(t *testing.T, name string) (*Client, string) {
	t.Helper()
	url := os.Getenv(name)
	if url == "" {
		t.Skip(name + " names no servers: tools/bindings starts them")
	}
	c, err := New(url, Set(OptionCommandTimeout, 20*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, fmt.Sprintf("go:%d:", os.Getpid())
}

func roles(t *testing.T, c *Client) (roles []string, endpoints []string) {
	t.Helper()
	servers, err := As[[]map[string]any](c.Servers(background))
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range servers {
		roles = append(roles, server["role"].(string))
		endpoints = append(endpoints, server["endpoint"].(string))
	}
	sort.Strings(roles)
	return roles, endpoints
}

// arrived receives messages while publish is called, until done.
func arrived(t *testing.T, s *Subscriber, publish func(), done func(m Message) bool) {
	t.Helper()
	for i := 0; i < 500; i++ {
		publish()
		ctx, cancel := context.WithTimeout(background, 100*time.Millisecond)
		m, err := s.Next(ctx)
		cancel()
		if err == nil && done(m) {
			return
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	t.Fatal("not all messages arrived")
}

func TestACluster(t *testing.T) {
	c, prefix := of(t, "RREDIS_CLUSTER")
	keys := make([]any, 100)
	queue := c.Pipeline()
	for i := range keys {
		keys[i] = prefix + strconv.Itoa(i)
		equal(t, do(t, c, "SET", keys[i], keys[i], "EX", 600), true)
		queue.Add("GET", keys[i])
	}
	replies, err := queue.Run(background)
	equal(t, err, nil)
	equal(t, replies, keys)

	found, cursor := map[string]bool{}, "0"
	for begun := false; !begun || cursor != "0"; begun = true {
		page := do(t, c, "SCAN", cursor, "MATCH", prefix+"*", "COUNT", 100).([]any)
		cursor = fmt.Sprint(page[0])
		for _, key := range page[1].([]any) {
			found[key.(string)] = true
		}
	}
	equal(t, len(found), 100)

	n := "{" + prefix + "tag}n"
	replies, err = c.Pipeline().Add("SET", n, 1).Add("INCR", n).Exec(background)
	equal(t, err, nil)
	equal(t, replies, []any{true, int64(2)})
	_, err = c.Transact(background, func(tx *Tx) error {
		value, err := As[int](tx.Do("GET", n))
		if err != nil {
			return err
		}
		return tx.Add("SET", n, value+1)
	}, n)
	equal(t, err, nil)
	for _, key := range keys {
		queue.Add("GET", key)
	}
	if _, err = queue.Exec(background); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	value, err := NewScript("return redis.call('GET', KEYS[1])").Run(background, c, []string{n})
	equal(t, err, nil)
	equal(t, value, "3")

	kinds, endpoints := roles(t, c)
	equal(t, kinds, []string{"primary", "primary", "primary", "replica", "replica", "replica"})
	ports := map[any]bool{}
	for _, endpoint := range endpoints {
		one, err := c.At(background, TargetServer, endpoint)
		equal(t, err, nil)
		ports[do(t, one, "CONFIG", "GET", "port").(map[string]any)["port"]] = true
		one.Close()
	}
	equal(t, len(ports), 6)
	one, err := c.At(background, TargetKey, keys[0].(string))
	equal(t, err, nil)
	equal(t, do(t, one, "GET", keys[0]), keys[0])
	one.Close()
	do(t, c, "DEL", n)
	for _, key := range keys {
		do(t, c, "DEL", key)
	}
}

func TestMessagesOfACluster(t *testing.T) {
	c, prefix := of(t, "RREDIS_CLUSTER")
	s, err := c.Subscriber()
	equal(t, err, nil)
	defer s.Close()
	equal(t, s.Subscribe(background, prefix+"news"), nil)
	missing := map[string]bool{prefix + "news": true}
	for i := 0; i < 5; i++ {
		shard := prefix + "shard:" + strconv.Itoa(i)
		missing[shard] = true
		equal(t, s.SubscribeTo(background, TopicShard, shard), nil)
	}
	arrived(t, s, func() {
		do(t, c, "PUBLISH", prefix+"news", "x")
		for name := range missing {
			do(t, c, "SPUBLISH", name, "x")
		}
	}, func(m Message) bool {
		delete(missing, m.Channel)
		return len(missing) == 0
	})
}

func TestBehindSentinels(t *testing.T) {
	c, prefix := of(t, "RREDIS_SENTINEL")
	do(t, c, "SET", prefix+"k", "v", "EX", 600)
	equal(t, do(t, c, "GET", prefix+"k"), "v")
	equal(t, do(t, c, "ROLE").(map[string]any)["role"], "master")
	kinds, _ := roles(t, c)
	equal(t, kinds[:2], []string{"primary", "replica"})
	s, err := c.Subscriber()
	equal(t, err, nil)
	defer s.Close()
	equal(t, s.Subscribe(background, prefix+"news"), nil)
	arrived(t, s, func() { do(t, c, "PUBLISH", prefix+"news", "x") }, func(m Message) bool { return m.Payload == "x" })
	do(t, c, "DEL", prefix+"k")
}
