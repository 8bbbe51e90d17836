#pragma once

#include <filesystem>

#include "core/base/output_file.h"
#include "core/base/progress.h"
#include "core/session/session.h"
#include "core/session/session_folder.h"

namespace rheo {

/// What a session file holds beside what no other file does.
enum class Packing {
    Own,  ///< nothing: traces and results with files of their own are named
    All,  ///< traces and results too, as one file to send to somebody; the model is named all the same
};

/// Writes a session as one file (`.rheo`): a zip archive, uncompressed, of session.json and its parts, each
/// of which is a file that `rheo` reads. `folder` is brought up to date first. Throws as OutputFile, and
/// Error(DiskFull, Io). Cost: copies every part; with Packing::All reads and writes every state.
void writeSessionFile(const std::filesystem::path& path, const Session& session, SessionFolder& folder,
                      Packing packing, IfExists ifExists, Progress& progress);

/// Whether a regular file begins as a session file does.
bool isSessionFile(const std::filesystem::path& path);

/// What it holds. Throws Error(Format, NotFound, Unsupported) naming the file. Cost: reads its index.
SessionSummary describeSessionFile(const std::filesystem::path& path);

/// Unpacks a session file into an empty folder, which is then read. Nothing is written outside of it. Throws
/// Error(Format, NotFound, Io) naming the file and the entry, Error(DiskFull) where it would not fit; else as
/// SessionFolder::read.
Session readSessionFile(const std::filesystem::path& path, SessionFolder& folder, const Relocations& moved,
                        Progress& progress);

}  // namespace rheo
