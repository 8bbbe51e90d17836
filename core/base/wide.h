#pragma once

// One program runs on every x86-64, and uses the wide registers where there are some: a function marked
// RHEO_WIDE, a plain loop, is compiled once for each, and the loader chooses (which sanitizers cannot
// follow).
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define RHEO_WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define RHEO_WIDE
#endif
