// lookup NAME: what Go's own resolver says; built with CGO_ENABLED=0, so there is no other.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
)

func main() {
	addresses, err := net.LookupHost(os.Args[1])
	var failure *net.DNSError
	if errors.As(err, &failure) && failure.IsNotFound {
		fmt.Println("IsNotFound:", err)
		os.Exit(1)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for _, address := range addresses {
		fmt.Println(address)
	}
}
