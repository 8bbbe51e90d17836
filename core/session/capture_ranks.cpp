#include "core/session/capture_ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/base/failure.h"
#include "core/capture/plan_part.h"
#include "core/trace/merge.h"
#include "core/trace/trace_reader.h"

namespace rheo {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view partInfix = ".part-", sizeInfix = "-of-";

/// What a rank came to: its warnings, or why it failed.
struct PartOutcome {
    std::vector<std::string> warnings;
    std::int64_t resumed = 0;
    std::optional<Error> failure;
};

/// As text, for the other ranks: a letter and a sentence a line.
std::string textOf(const PartOutcome& outcome) {
    std::string text = fmt::format("r{}\n", outcome.resumed);
    for (const auto& warning : outcome.warnings) text += "w" + warning + "\n";
    if (outcome.failure) text += std::string("f") + outcome.failure->what() + "\n";
    return text;
}

PartOutcome outcomeOf(const std::string& text) {
    PartOutcome outcome;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.size(), text.find('\n', at));
        const std::string line = text.substr(at + 1, end - at - 1);
        if (text[at] == 'r') outcome.resumed = std::stoll(line);
        if (text[at] == 'w') outcome.warnings.push_back(line);
        // A failure may go on over lines, and is the last.
        if (text[at] == 'f') {
            outcome.failure.emplace(ErrorCode::Io, text.substr(at + 1, text.size() - at - 2));
            break;
        }
        at = end + 1;
    }
    return outcome;
}

/// Captures the part of this rank. What fails is in the outcome; a stop is thrown.
PartOutcome capturePart(const Model& model, const CapturePlan& part, const fs::path& path,
                        CaptureToFileOptions options, Progress& progress) {
    PartOutcome outcome;
    if (part.info.rows.empty()) return outcome;
    options.resume = options.resume && fs::exists(path);
    try {
        const CaptureOutcome made = captureToFile(model, part, path, options, progress);
        outcome.warnings = made.warnings;
        outcome.resumed = made.resumed;
    } catch (const Cancelled&) {
        throw;
    } catch (...) {
        outcome.failure = describeFailure(std::current_exception());
    }
    return outcome;
}

void removeParts(const fs::path& out) {
    std::error_code ignored;
    for (const auto& part : partsOf(out)) fs::remove(part.path, ignored);
}

/// Makes one trace of the parts, on the first rank.
void join(const fs::path& out, IfExists ifExists, const Ranks& ranks, Progress& progress) {
    std::vector<fs::path> parts;
    for (int rank = 0; rank < ranks.size; ++rank)
        // A rank has none where there are fewer prompts than ranks.
        if (const fs::path part = partPath(out, rank, ranks.size); fs::exists(part)) parts.push_back(part);
    mergeTraces(parts, out, {true, ifExists}, progress);
    removeParts(out);
}

/// A trace that is there, where `resume` is to go on: nothing is to be done if it is whole.
CaptureResult whatIsThere(const fs::path& out, const Ranks& ranks, const CaptureMessages& messages) {
    const auto trace = TraceReader::open(out);
    if (trace->completeRows() < trace->storedRows())
        throw Error(ErrorCode::Unsupported,
                    fmt::format("{} was started by one process; continue it without mpirun", out.string()),
                    out.string());
    messages.warn(fmt::format("{0} of {0} rows were there already", trace->storedRows()));
    if (ranks.first()) removeParts(out);
    return {trace->storedRows()};
}

/// Says what all ranks came to, and throws the failures among it as one SharedError.
void gatherOutcomes(const PartOutcome& own, std::size_t rows, const fs::path& out, const Ranks& ranks,
                    const CaptureMessages& messages) {
    std::vector<std::string> failures;
    std::int64_t resumed = 0;
    int rank = 0;
    for (const Bytes& bytes : gather(ranks, bytesOf(textOf(own)))) {
        const PartOutcome one = outcomeOf(rheo::textOf(bytes));
        const std::string who = fmt::format("rank {} of {}", rank++, ranks.size);
        for (const auto& warning : one.warnings) messages.warn(who + ": " + warning);
        if (one.failure) failures.push_back(fmt::format("{} failed: {}", who, one.failure->what()));
        resumed += one.resumed;
    }
    if (resumed > 0) messages.warn(fmt::format("{} of {} rows were there already", resumed, rows));
    if (failures.empty()) return;
    throw SharedError(ErrorCode::Io,
                      fmt::format("{}; the finished parts of the other ranks are kept, and the same command "
                                  "with --resume continues",
                                  fmt::join(failures, "; ")),
                      out.string());
}

/// The first joins; where that fails, all throw SharedError.
void joinOnFirst(const fs::path& out, IfExists ifExists, const Ranks& ranks, Progress& progress) {
    std::string why;
    try {
        if (ranks.first()) join(out, ifExists, ranks, progress);
    } catch (const Cancelled&) {
        throw;
    } catch (...) {
        why = describeFailure(std::current_exception()).what();
    }
    why = broadcast(ranks, why);
    if (why.empty()) return;
    throw SharedError(
        ErrorCode::Io,
        fmt::format("the parts of the {} ranks cannot be joined: {}; they are kept, and the same call "
                    "with --resume goes on",
                    ranks.size, why),
        out.string());
}

}  // namespace

fs::path partPath(const fs::path& out, int rank, int size) {
    return out.string() + fmt::format("{}{}{}{}", partInfix, rank, sizeInfix, size);
}

std::vector<CapturedPart> partsOf(const fs::path& out) {
    std::vector<CapturedPart> parts;
    const std::string begins = out.filename().string() + std::string(partInfix);
    std::error_code failed;
    const fs::path folder = out.has_parent_path() ? out.parent_path() : fs::path(".");
    for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
         entry.increment(failed)) {
        const std::string name = entry->path().filename().string();
        const auto infix = name.rfind(sizeInfix);
        if (!name.starts_with(begins) || infix == std::string::npos) continue;
        const char* const first = name.data() + infix + sizeInfix.size();
        const char* const last = name.data() + name.size();
        int size = 0;
        if (const auto [stopped, code] = std::from_chars(first, last, size);
            code == std::errc{} && stopped == last && size > 1)
            parts.push_back({entry->path(), size});
    }
    return parts;
}

void rejectOtherParts(const fs::path& out, const Ranks& ranks, bool resume, IfExists ifExists) {
    for (const auto& [path, size] : partsOf(out)) {
        if (size == ranks.size) continue;
        if (resume)
            throw Error(ErrorCode::Mismatch,
                        fmt::format("{} belongs to a capture by {} ranks; continue it with mpirun -n {}, or "
                                    "remove such parts",
                                    path.string(), size, size),
                        path.string());
        if (ifExists != IfExists::Replace)
            throw Error(ErrorCode::AlreadyExists,
                        fmt::format("{} is already there, from a capture by {} ranks; continue it with "
                                    "mpirun -n {} and --resume, or allow it to be replaced",
                                    path.string(), size, size),
                        path.string());
    }
}

CaptureResult captureByRanks(const Model& model, const CapturePlan& plan, const fs::path& out,
                             const CaptureToFileOptions& options, const CaptureMessages& messages,
                             Progress& progress) {
    const Ranks& ranks = currentRanks();
    if (options.resume && fs::exists(out)) return whatIsThere(out, ranks, messages);
    Progress capturing = progress.part(0, 0.95), joining = progress.part(0.95, 1);
    const CapturePlan part = planPart(model, plan, ranks.rank, ranks.size);
    CaptureToFileOptions how = options;
    how.interrupted = {};
    try {
        const PartOutcome own =
            capturePart(model, part, partPath(out, ranks.rank, ranks.size), how, capturing);
        progress.setStage("waiting for the other ranks");
        gatherOutcomes(own, plan.info.rows.size(), out, ranks, messages);
        joinOnFirst(out, options.ifExists, ranks, joining);
        return {std::ssize(plan.info.rows)};
    } catch (const Cancelled&) {
        messages.warn(fmt::format(
            "interrupted; what each of the {} ranks has finished is kept beside {}; the same call with "
            "--resume goes on",
            ranks.size, out.string()));
        return {0, true};
    }
}

}  // namespace rheo
