#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "app/cli/commands.h"

namespace rheo::cli {

struct InfoOptions {
    std::string path;
    bool system = false;
    int batch = 8;
    std::int64_t tokens = 0;
    std::vector<std::string> acceptedKeys;
    std::string adapter;
};

/// Says what is no model: a file, or the machine. Returns the exit status.
using InfoOfTheRest = std::function<int(const InfoOptions&, const CLI::App& command, Common&)>;

/// `rheo info`; models are described without libtorch, and `rest` describes the others.
void addInfo(CLI::App& app, Command& chosen, InfoOfTheRest rest);

/// A trace, results, a figure, any other file, or with --system this machine.
int infoOfTheRest(const InfoOptions& options, const CLI::App& command, Common& common);

}  // namespace rheo::cli
