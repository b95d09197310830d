/* What both stand-in drivers do: the answers come from the control file that the environment variable CONTROL_FILE
 * names, `key=value` a line, the last one of a key, read again at every call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int setting(const char *key, char *value, size_t size) {
    const char *path = getenv(CONTROL_FILE);
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[1024];
    size_t length = strlen(key);
    int found = 0;
    if (!file) return 0;
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, key, length) && line[length] == '=') {
            line[strcspn(line, "\r\n")] = 0;
            snprintf(value, size, "%s", line + length + 1);
            found = 1;
        }
    fclose(file);
    return found;
}

static long long number(const char *key, long long otherwise) {
    char value[64];
    return setting(key, value, sizeof value) ? atoll(value) : otherwise;
}

/* `format` has the place of the GPU's number. */
static long long of_gpu(const char *format, int gpu, long long otherwise) {
    char key[64];
    snprintf(key, sizeof key, format, gpu);
    return number(key, otherwise);
}

/* Whether `function` is in the list of `key`. */
static int named(const char *key, const char *function) {
    char value[1024];
    if (setting(key, value, sizeof value))
        for (char *name = strtok(value, ","); name; name = strtok(NULL, ","))
            if (!strcmp(name, function)) return 1;
    return 0;
}
