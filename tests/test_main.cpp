#include "tests/test_main.h"

#include <cstdio>
#include <filesystem>
#include <map>
#ifdef QT_WIDGETS_LIB
#include <QApplication>
using Application = QApplication;
#elif defined(QT_GUI_LIB)
#include <QGuiApplication>
using Application = QGuiApplication;
#else
using Application = QCoreApplication;
#endif

namespace {

struct Entry {
    void (*before)();
    rheo::tests::RunTest run;
};

std::map<std::string, Entry>& entries() {
    static std::map<std::string, Entry> all;
    return all;
}

}  // namespace

rheo::tests::Registered::Registered(const char* file, void (*before)(), RunTest run) {
    entries()[std::filesystem::path(file).stem().string()] = {before, run};
}

int main(int argc, char** argv) {
    const auto entry = argc > 1 ? entries().find(argv[1]) : entries().end();
    if (entry == entries().end()) {
        std::fprintf(stderr, "usage: %s TEST [FUNCTION ...]\nTests here:\n", argv[0]);
        for (const auto& [name, unused] : entries()) std::fprintf(stderr, "  %s\n", name.c_str());
        return 2;
    }
    // Qt Test sees what QTEST_MAIN would give it: the program and the arguments behind the name.
    argv[1] = argv[0];
    ++argv;
    --argc;
    if (entry->second.before) entry->second.before();
    Application app(argc, argv);
    return entry->second.run(argc, argv);
}
