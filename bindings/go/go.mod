module rredis

go 1.19
