// rheo: what a person starts. It says its version and describes models itself, which needs few libraries and
// so no time; for all else it becomes rheo-engine. libtorch alone takes most of a second to load.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "app/cli/info.h"
#include "app/cli/process.h"
#include "app/cli/program.h"
#include "core/base/blas_kernels.h"
#include "core/checkpoint/gguf.h"

namespace rheo::cli {

namespace {

namespace fs = std::filesystem;

/// Whether these arguments are `--version`, or `info` of what is no file but of a model.
bool answersItself(const std::vector<std::string>& arguments) {
    if (arguments.empty()) return false;
    if (arguments.front() == "--version") return true;
    if (arguments.front() != "info") return false;
    return std::none_of(arguments.begin() + 1, arguments.end(), [](const std::string& argument) {
        std::error_code ignored;
        return argument == "--system" || (fs::is_regular_file(argument, ignored) && !isGgufFile(argument));
    });
}

/// Beside this program in a build, in libexec when installed.
fs::path enginePath() {
    std::error_code ignored;
    const fs::path folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();
    const fs::path beside = folder / "rheo-engine";
    return fs::exists(beside, ignored) ? beside
                                       : folder.parent_path() / RHEO_LIBEXEC / "rheograph" / "rheo-engine";
}

int becomeEngine(const std::vector<std::string>& arguments, char** argv) {
    try {
        const auto command = std::find_if(arguments.begin(), arguments.end(),
                                          [](const std::string& word) { return !word.starts_with('-'); });
        requireAddressesOfEngine(command != arguments.end() && computes(*command));
    } catch (const Error& error) {
        Console console;
        console.json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
        console.fail(errorCodeName(error.code()), error.what(), error.context());
        return 1;
    }
    fitBlasKernels();
    const fs::path engine = enginePath();
    execv(engine.c_str(), argv);
    complain("cannot start " + engine.string() + " (" + std::strerror(errno) + "); install rheo again");
    return 1;
}

}  // namespace

}  // namespace rheo::cli

int main(int argc, char** argv) {
    using namespace rheo::cli;
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (!answersItself(arguments)) return becomeEngine(arguments, argv);
    runProgram(argc, argv, [](CLI::App& app, Command& chosen) {
        addInfo(app, chosen, [](const InfoOptions& options, const CLI::App&, Common&) -> int {
            throw rheo::Error(rheo::ErrorCode::Io, options.path + " was put there just now; try again",
                              options.path);
        });
    });
}
