/* A host in C: termios on the virtual modem's pseudo terminal. Its argument is the path of --pty. */

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static int port;

/* Types a command, and reads until `end` has come. */
static void command(const char *text, const char *end)
{
    char answer[512] = "";
    size_t have = 0;

    if (write(port, text, strlen(text)) != (ssize_t)strlen(text)) {
        perror("write");
        exit(1);
    }
    while (strstr(answer, end) == NULL) {
        struct pollfd wait = {.fd = port, .events = POLLIN};
        ssize_t count = 0;

        if (have + 1 < sizeof answer && poll(&wait, 1, 5000) == 1)
            count = read(port, answer + have, sizeof answer - 1 - have);
        if (count <= 0) {
            fprintf(stderr, "%s: no %s in \"%s\"\n", text, end, answer);
            exit(1);
        }
        have += (size_t)count;
        answer[have] = '\0';
    }
}

int main(int count, char **arguments)
{
    struct termios line;

    if (count != 2) {
        fprintf(stderr, "usage: %s PATH\n", arguments[0]);
        return 2;
    }
    port = open(arguments[1], O_RDWR | O_NOCTTY);
    if (port < 0 || tcgetattr(port, &line) != 0) {
        perror(arguments[1]);
        return 1;
    }
    line.c_iflag = 0;
    line.c_oflag = 0;
    line.c_lflag = 0;
    line.c_cflag = CS8 | CREAD | CLOCAL;
    cfsetspeed(&line, B115200);
    tcsetattr(port, TCSANOW, &line);

    command("ATE0\r", "OK\r\n");
    command("AT+CGMM\r", "EC25\r\n\r\nOK\r\n");
    command("AT+CEREG?\r", "+CEREG: 0,1\r\n\r\nOK\r\n");
    command("AT+QICSGP=1,1,\"internet\",\"\",\"\",0\r", "OK\r\n");
    command("AT+QIACT=1\r", "OK\r\n");
    command("AT+QIACT?\r", "+QIACT: 1,1,1,\"10.0.0.2\"\r\n\r\nOK\r\n");
    puts("host.c: ok");
    return close(port);
}
