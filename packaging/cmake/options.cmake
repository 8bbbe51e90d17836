# How everything here is compiled, and the two functions every CMakeLists.txt below uses.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(RHEO_CCACHE ccache)
if(RHEO_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${RHEO_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${RHEO_CCACHE})
endif()

add_library(rheo_options INTERFACE)
target_include_directories(rheo_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(rheo_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
target_compile_definitions(rheo_options INTERFACE QT_NO_KEYWORDS RHEO_VERSION="${PROJECT_VERSION}")
if(RHEO_SANITIZE)
  target_compile_options(rheo_options INTERFACE -fsanitize=${RHEO_SANITIZE} -fno-omit-frame-pointer -g)
  target_link_options(rheo_options INTERFACE -fsanitize=${RHEO_SANITIZE})
endif()

if(RHEO_LIBFUZZER)
  target_compile_options(rheo_options INTERFACE -fsanitize=fuzzer-no-link)  # coverage, for the targets in tests/fuzz
endif()

# rheo_module(NAME SOURCES ... [PUBLIC lib ...] [PRIVATE lib ...])
# A static library rheo_NAME. What it links is what it may include (CONTRIBUTING.md, Modules).
function(rheo_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(rheo_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(rheo_${name} PUBLIC rheo_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# rheo_test(NAME SOURCES ... LIBS ... [WINDOW])
# A Qt Test executable, run by ctest. WINDOW: it opens windows, and runs under Xvfb.
# In a test: RHEO_FIXTURES is tests/fixtures, RHEO_RESOURCES is resources/.
function(rheo_test name)
  cmake_parse_arguments(ARG "WINDOW" "TIMEOUT" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES AUTOMOC ON RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE rheo_options ${ARG_LIBS} Qt6::Test)
  target_compile_definitions(${name} PRIVATE
    RHEO_FIXTURES="${PROJECT_SOURCE_DIR}/tests/fixtures" RHEO_RESOURCES="${PROJECT_SOURCE_DIR}/resources"
    RHEO_BASELINES="${PROJECT_SOURCE_DIR}/tests/baselines" RHEO_BIN="${CMAKE_BINARY_DIR}/bin")
  if(ARG_WINDOW)
    add_test(NAME ${name} COMMAND ${PROJECT_SOURCE_DIR}/tests/with_display $<TARGET_FILE:${name}>)
    set_tests_properties(${name} PROPERTIES LABELS window)
  else()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "QT_QPA_PLATFORM=offscreen;FONTCONFIG_FILE=${PROJECT_SOURCE_DIR}/tests/fonts.conf")
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  # Tests share the cores: threads of OpenMP that wait should not spin, which costs ten times the test's own work.
  set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT OMP_WAIT_POLICY=passive)
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
endfunction()
