# Every library, by name, in one place. Version differences are settled here or in one header each.

find_package(Threads REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(nlohmann_json 3.9 REQUIRED)
find_package(fmt REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
find_package(ICU REQUIRED COMPONENTS uc)
pkg_check_modules(SENTENCEPIECE IMPORTED_TARGET sentencepiece)  # a reference for one test
find_package(CLI11 REQUIRED)
find_package(BLAS REQUIRED)
find_package(Spectra QUIET)

# The serial HDF5: VTK's packages bring one built for OpenMPI as well.
set(HDF5_PREFER_PARALLEL OFF)
find_package(HDF5 REQUIRED COMPONENTS C)
add_library(rheo_hdf5 INTERFACE)
target_include_directories(rheo_hdf5 SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
target_link_libraries(rheo_hdf5 INTERFACE ${HDF5_C_LIBRARIES})

# Zip archives (.npz): minizip says where an uncompressed entry lies, so that it can be mapped.
find_package(ZLIB REQUIRED)
pkg_check_modules(MINIZIP REQUIRED IMPORTED_TARGET minizip)
add_library(rheo_zip INTERFACE)
target_link_libraries(rheo_zip INTERFACE PkgConfig::MINIZIP ZLIB::ZLIB)

# MPI, for several ranks: its headers alone, for one small module that is loaded where mpirun or srun started the program.
find_package(MPI COMPONENTS C QUIET)
option(RHEO_WITH_MPI "Several ranks with Open MPI: mpirun -n N rheo capture, analyze, report" ${MPI_C_FOUND})
if(RHEO_WITH_MPI AND NOT MPI_C_FOUND)
  message(FATAL_ERROR "RHEO_WITH_MPI needs Open MPI (packages libopenmpi-dev and openmpi-bin)")
endif()

find_package(Torch REQUIRED)
add_library(rheo_libtorch INTERFACE)
target_link_libraries(rheo_libtorch INTERFACE ${TORCH_LIBRARIES})
separate_arguments(RHEO_TORCH_FLAGS UNIX_COMMAND "${TORCH_CXX_FLAGS}")
target_compile_options(rheo_libtorch INTERFACE ${RHEO_TORCH_FLAGS})
# Newer builds of libtorch bring headers of fmt of their own, which are found before the system's.
if(EXISTS "${TORCH_INSTALL_PREFIX}/include/fmt/format.h" AND NOT TORCH_INSTALL_PREFIX STREQUAL "/usr")
  target_compile_definitions(rheo_libtorch INTERFACE FMT_HEADER_ONLY)
endif()

if(RHEO_BUILD_GUI)
  find_package(Qt6 6.4 REQUIRED COMPONENTS Core Gui Svg Test Widgets OpenGL DBus)
  find_package(VTK 9.1 REQUIRED COMPONENTS CommonCore CommonDataModel CommonTransforms FiltersCore FiltersSources
               InteractionStyle RenderingCore RenderingOpenGL2 RenderingFreeType RenderingAnnotation IOImage)
else()
  find_package(Qt6 6.4 REQUIRED COMPONENTS Core Gui Svg Test)
endif()
if(RHEO_BUILD_BENCH)
  find_package(benchmark REQUIRED)
endif()

# The libtorch of Debian 13 holds an LLVM and exports it. Mesa's drivers would bind to that one, in which nobody registers their
# processor, and crash. So programs that draw load the drivers' own first (widgets/scene).
if(RHEO_BUILD_GUI AND NOT DEFINED RHEO_DRIVER_LLVM)
  find_library(RHEO_TORCH_CPU torch_cpu HINTS "${TORCH_INSTALL_PREFIX}/lib")
  get_filename_component(folder "${RHEO_TORCH_CPU}" DIRECTORY)
  execute_process(COMMAND sh -c "${CMAKE_NM} -D --defined-only '${RHEO_TORCH_CPU}' | grep -m 1 LLVMInitialize" OUTPUT_VARIABLE exported ERROR_QUIET)
  execute_process(COMMAND sh -c "${CMAKE_READELF} -d '${folder}'/libgallium-*.so | grep -m 1 -o 'libLLVM[^]]*'"
    OUTPUT_VARIABLE needed ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT exported)
    set(needed "")
  endif()
  set(RHEO_DRIVER_LLVM "${needed}" CACHE STRING "LLVM of the OpenGL drivers, to be loaded before libtorch; empty: no need")
  mark_as_advanced(RHEO_DRIVER_LLVM RHEO_TORCH_CPU)
endif()
