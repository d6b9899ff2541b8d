// Hello: a value is set and read.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"rredis"
)

func main() {
	client, err := rredis.New(os.Getenv("RREDIS_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	if _, err := client.Do(ctx, "SET", "greeting", "hello"); err != nil {
		log.Fatal(err)
	}
	greeting, err := rredis.As[string](client.Do(ctx, "GET", "greeting"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(greeting)
}
