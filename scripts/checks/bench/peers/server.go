// The same services in Go, a goroutine for each connection: server echo|delimited|uppercase|chat prints its port.
// It does not check UTF-8.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
)

const (
	header  = 10
	longest = 1024 * 1024
	behind  = 16 * 1024 * 1024
)

func echo(connection net.Conn) {
	buffer := make([]byte, 32*1024)
	for {
		length, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err := connection.Write(buffer[:length]); err != nil {
			return
		}
	}
}

// Echoes all lines of a read in one write.
func delimited(connection net.Conn) {
	buffer := make([]byte, 32*1024)
	held := 0
	for {
		if held == len(buffer) {
			if held > longest {
				return
			}
			buffer = append(buffer, make([]byte, len(buffer))...)
		}
		length, err := connection.Read(buffer[held:])
		if err != nil {
			if held > 0 && err == io.EOF {
				connection.Write(append(buffer[:held], '\n'))
			}
			return
		}
		end := held + bytes.LastIndexByte(buffer[held:held+length], '\n') + 1
		if end == held {
			held += length
			continue
		}
		lines := buffer[:end]
		if bytes.IndexByte(lines, '\r') >= 0 {
			lines = bytes.ReplaceAll(lines, []byte("\r\n"), []byte("\n"))
		}
		if _, err := connection.Write(lines); err != nil {
			return
		}
		held = copy(buffer, buffer[end:held+length])
	}
}

type member struct {
	lock       sync.Mutex
	awake      sync.Cond
	owed       []byte
	closed     bool
	connection net.Conn
}

var (
	room    = map[*member]bool{}
	entries sync.RWMutex
)

// Writes all pending messages of a member at once.
func (to *member) write() {
	var sending []byte
	for {
		to.lock.Lock()
		for len(to.owed) == 0 && !to.closed {
			to.awake.Wait()
		}
		sending, to.owed = to.owed, sending[:0]
		closed := to.closed
		to.lock.Unlock()
		if closed {
			return
		}
		if _, err := to.connection.Write(sending); err != nil {
			to.connection.Close()
			return
		}
	}
}

func (from *member) say(name, message []byte) {
	entries.RLock()
	defer entries.RUnlock()
	for to := range room {
		if to == from {
			continue
		}
		to.lock.Lock()
		to.owed = append(append(to.owed, name...), message...)
		if len(to.owed) > behind {
			to.connection.Close()
		}
		to.awake.Signal()
		to.lock.Unlock()
	}
}

func (from *member) leave() {
	entries.Lock()
	delete(room, from)
	entries.Unlock()
	from.lock.Lock()
	from.closed = true
	from.awake.Signal()
	from.lock.Unlock()
}

func chat(connection net.Conn) {
	self := &member{connection: connection}
	self.awake.L = &self.lock
	var name []byte
	buffer := make([]byte, 32*1024)
	held := 0
	for {
		if held == len(buffer) {
			buffer = append(buffer, make([]byte, len(buffer))...)
		}
		length, err := connection.Read(buffer[held:])
		if err != nil {
			break
		}
		held += length
		at := 0
		for held-at >= header {
			size, err := strconv.ParseUint(strings.Trim(string(buffer[at:at+header]), " "), 10, 32)
			if err != nil || size > longest {
				if name != nil {
					self.leave()
				}
				return
			}
			end := at + header + int(size)
			if end > held {
				break
			}
			if name != nil {
				self.say(name, buffer[at:end])
			} else {
				name = append([]byte(nil), buffer[at:end]...)
				entries.Lock()
				room[self] = true
				entries.Unlock()
				go self.write()
			}
			at = end
		}
		held = copy(buffer, buffer[at:held])
	}
	if name != nil {
		self.leave()
	}
}

func uppercase() error {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	fmt.Println(socket.LocalAddr().(*net.UDPAddr).Port)
	buffer := make([]byte, 65536)
	for {
		length, from, err := socket.ReadFromUDPAddrPort(buffer)
		if err != nil {
			continue
		}
		for at, letter := range buffer[:length] {
			if letter >= 'a' && letter <= 'z' {
				buffer[at] = letter ^ 0x20
			}
		}
		socket.WriteToUDPAddrPort(buffer[:length], from)
	}
}

func serve(handle func(net.Conn)) error {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			continue
		}
		go func() {
			defer connection.Close()
			handle(connection)
		}()
	}
}

func main() {
	var err error
	switch os.Args[1] {
	case "uppercase":
		err = uppercase()
	case "delimited":
		err = serve(delimited)
	case "chat":
		err = serve(chat)
	default:
		err = serve(echo)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
