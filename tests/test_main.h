// How a test class joins its program. Each program of tests/CMakeLists.txt holds the classes of one folder:
// `PROGRAM test_x [FUNCTION ...]` runs the class of test_x.cpp, and `PROGRAM` alone lists the classes.
#pragma once

#include <QtTest>
#include <string>

namespace rheo::tests {

using RunTest = int (*)(int argc, char** argv);

// Adds a class to the list; `file` is its __FILE__. `before` runs before the application object exists, or is
// null.
struct Registered {
    Registered(const char* file, void (*before)(), RunTest run);
};

template <typename Class>
constexpr void (*initMainOf())() {
    if constexpr (requires { Class::initMain(); })
        return &Class::initMain;
    else
        return nullptr;
}

}  // namespace rheo::tests

// Stands in place of QTEST_MAIN. As there, a static initMain() of the class runs before the application
// object.
#define RHEO_TEST(Class)                                                                            \
    static const rheo::tests::Registered registeredTest(__FILE__, rheo::tests::initMainOf<Class>(), \
                                                        [](int argc, char** argv) {                 \
                                                            Class test;                             \
                                                            return QTest::qExec(&test, argc, argv); \
                                                        });
