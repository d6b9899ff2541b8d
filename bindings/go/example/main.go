// What a program does with librredis: a map, a pipeline, a transaction, a script, messages, and a wait that is ended.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"rredis"
)

func main() {
	log.SetFlags(0)
	client, err := rredis.New(os.Getenv("RREDIS_URL"), rredis.Set(rredis.OptionCommandTimeout, 2*time.Second))
	check(err)
	defer client.Close()
	ctx := context.Background()

	_, err = client.Do(ctx, "HSET", "example:user", "name", "Ada", "year", 1815)
	check(err)
	user, err := rredis.As[map[string]string](client.Do(ctx, "HGETALL", "example:user"))
	check(err)
	fmt.Println(user["name"], user["year"])

	replies, err := client.Pipeline().Add("SET", "example:n", 1).Add("INCRBY", "example:n", 41).Run(ctx)
	check(err)
	fmt.Println(replies...)

	// Nobody changes the key between the GET and the SET: otherwise the function is called again.
	replies, err = client.Transact(ctx, func(tx *rredis.Tx) error {
		n, err := rredis.As[int](tx.Do("GET", "example:n"))
		if err != nil {
			return err
		}
		return tx.Add("SET", "example:n", n*2)
	}, "example:n")
	check(err)
	fmt.Println(replies...)

	double := rredis.NewScript("return redis.call('GET', KEYS[1]) * ARGV[1]")
	n, err := rredis.As[int](double.Run(ctx, client, []string{"example:n"}, 2))
	check(err)
	fmt.Println(n)

	subscriber, err := client.Subscriber()
	check(err)
	defer subscriber.Close()
	check(subscriber.Subscribe(ctx, "example:news"))
	for reached := int64(0); reached == 0; {
		reached, err = rredis.As[int64](client.Do(ctx, "PUBLISH", "example:news", "extra"))
		check(err)
	}
	message, err := subscriber.Next(ctx)
	check(err)
	fmt.Println(message.Channel, message.Payload)

	// A context ends a wait, and a server's error has a code.
	soon, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err = client.Do(soon, "BLPOP", "example:nothing", 0)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	_, err = client.Do(ctx, "INCR", "example:user")
	fmt.Println(errors.Is(err, rredis.ErrServer), err)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
