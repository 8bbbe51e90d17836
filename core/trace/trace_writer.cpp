#include "core/trace/trace_writer.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <numeric>

#include "core/base/error.h"
#include "core/base/failure.h"
#include "core/base/printable.h"
#include "core/trace/bfloat16.h"
#include "core/trace/file_parts.h"
#include "core/trace/sample_labels.h"
#include "core/trace/stored_trace.h"
#include "core/trace/trace_format.h"
#include "core/trace/trace_size.h"

namespace rheo {

namespace fs = std::filesystem;
namespace tf = trace_format;

namespace {

/// Refuses before anything is written, with both numbers.
void requireSpace(const fs::path& path, std::int64_t bytes) {
    struct statvfs disk {};
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    if (::statvfs(folder.c_str(), &disk) != 0) return;
    const double available = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
    if (static_cast<double>(bytes) > available)
        throw Error(
            ErrorCode::DiskFull,
            fmt::format("{} needs {}, but the disk has only {} left; make space, or choose another disk",
                        path.string(), formatBytes(static_cast<double>(bytes)), formatBytes(available)),
            path.string());
}

/// Takes the file's whole extent from the disk now: laying out a dataset only sets its length.
void takeSpace(const fs::path& temporary, const fs::path& path) {
    const int file = ::open(temporary.c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    const off_t size = ::lseek(file, 0, SEEK_END);
    const int failed = size > 0 ? ::posix_fallocate(file, 0, size) : 0;
    ::close(file);
    if (errorCodeOfErrno(failed) == ErrorCode::DiskFull)
        throw Error(ErrorCode::DiskFull,
                    fmt::format("the disk cannot hold the {} bytes of {}: {}{}", size, path.string(),
                                std::strerror(failed), adviceOfErrno(failed)),
                    path.string());
}

std::vector<std::int64_t> firstTokens(const std::vector<Sample>& samples) {
    std::vector<std::int64_t> first{0};
    for (const auto& sample : samples)
        first.push_back(first.back() + static_cast<std::int64_t>(sample.tokenIds.size()));
    return first;
}

template <class T>
void writeList(Hdf5File& file, const char* dataset, const std::vector<T>& values) {
    file.write<T>(dataset, values, {static_cast<std::int64_t>(values.size())});
}

void writeModel(Hdf5File& file, const ModelIdentity& model) {
    file.makeGroup(tf::model);
    writeModelAttributes(file, tf::model, model);
    file.setAttribute(tf::model, "layers", model.layers);
    file.setAttribute(tf::model, "d_model", model.dModel);
    file.setAttribute(tf::model, "vocabulary", model.vocabulary);
    if (model.untrainedSeed)
        file.setAttribute(tf::model, "untrained_seed", static_cast<std::int64_t>(*model.untrainedSeed));
    file.setAttribute(tf::model, "config_sha256", model.configSha256);
    file.setAttribute(tf::model, "tokenizer_sha256", model.tokenizerSha256);
}

}  // namespace

void writeTraceHeader(Hdf5File& file, const TraceInfo& info) {
    file.setAttribute("/", "format", std::string(tf::format));
    file.setAttribute("/", "version", std::int64_t{tf::version});
    file.setAttribute("/", "program", std::string("Rheograph " RHEO_VERSION));
    file.setAttribute("/", "created", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))));
    if (!info.origin.empty()) file.setAttribute("/", "origin", info.origin);

    writePoints(file, tf::points, info.points);

    std::vector<std::int32_t> samples, positions, tokens, ids;
    for (const auto& row : info.rows) {
        samples.push_back(row.sample);
        positions.push_back(row.position);
        tokens.push_back(row.tokenId);
    }
    writeList(file, tf::rowSample, samples);
    writeList(file, tf::rowPosition, positions);
    writeList(file, tf::rowToken, tokens);

    std::vector<std::string> texts;
    for (const auto& sample : info.samples) {
        texts.push_back(sample.text);
        ids.insert(ids.end(), sample.tokenIds.begin(), sample.tokenIds.end());
    }
    file.writeStrings(tf::sampleText, texts);
    writeList(file, tf::sampleTokens, ids);
    writeList(file, tf::sampleFirst, firstTokens(info.samples));
    writeSampleLabels(file, tf::samples, info.samples);
    if (info.model) writeModel(file, *info.model);
}

namespace {

/// As the chunks of the file divide a row: an earlier version may have begun it.
ResidualPieces piecesOf(const Hdf5File& file) {
    const Hdf5Info info = file.info(tf::residual);
    if (info.chunk.size() != 3) return {};
    return {info.chunk[1], info.chunk[2], info.shape[1], info.shape[2]};
}

/// As few parts as have at most `most` each, evenly filled: the size of the largest.
std::int64_t evenPart(std::int64_t count, std::int64_t most) {
    const std::int64_t parts = std::max<std::int64_t>(1, (count + most - 1) / most);
    return std::max<std::int64_t>(1, (count + parts - 1) / parts);
}

void layOut(Hdf5File& file, const TraceInfo& info) {
    writeTraceHeader(file, info);
    const auto rows = static_cast<std::int64_t>(info.rows.size());
    const auto points = static_cast<std::int64_t>(info.points.size());
    const Hdf5Layout layout{traceChunk(rows, points, info.units), true, true};
    const std::vector<std::int64_t> shape{rows, points, info.units};
    if (info.bfloat16)
        file.createDataset<std::uint16_t>(tf::residual, shape, layout);
    else
        file.createDataset<float>(tf::residual, shape, layout);
    file.setAttribute(tf::residual, "encoding", std::string(info.bfloat16 ? "bfloat16" : "float32"));
    // Written while rows are: nothing of the file may be moved or made anew for them. Fresh space reads as 0.
    const ResidualPieces pieces = piecesOf(file);
    file.createDataset<std::uint64_t>(tf::residualDigests, {rows, pieces.pointGroups(), pieces.unitGroups()},
                                      {{}, true, true});
    file.createDataset<std::uint8_t>(tf::rowComplete, {rows}, {{}, true, true});
}

void requireRowsAndPoints(const fs::path& path, const TraceInfo& info) {
    if (info.rows.empty() || info.points.empty() || info.units < 1)
        throw Error(ErrorCode::InvalidArgument,
                    fmt::format("{}: a trace needs a row, a point and a unit", path.string()), path.string());
}

}  // namespace

std::vector<std::int64_t> traceChunk(std::int64_t rows, std::int64_t points, std::int64_t units) {
    return {evenPart(rows, 16), evenPart(points, 8), evenPart(units, 512)};
}

TraceWriter::TraceWriter(Hdf5File file, const TraceInfo& info)
    : m_file(std::move(file)),
      m_points(static_cast<std::int64_t>(info.points.size())),
      m_units(info.units),
      m_pieces(piecesOf(m_file)),
      m_hasDigests(m_file.exists(tf::residualDigests)),
      m_bfloat16(info.bfloat16),
      m_complete(m_file.read<std::uint8_t>(tf::rowComplete)) {}

TraceWriter TraceWriter::create(const fs::path& path, const TraceInfo& info, IfExists ifExists) {
    requireRowsAndPoints(path, info);
    requireOutput(path, ifExists);
    requireSpace(path, traceFileBytes(info));
    OutputFile output(path, ifExists);
    createIn(output, info).close();
    output.commit();
    return {Hdf5File::openForFilling(path), info};
}

TraceWriter TraceWriter::createIn(const OutputFile& output, const TraceInfo& info) {
    requireRowsAndPoints(output.path(), info);
    requireSpace(output.path(), traceFileBytes(info));
    {
        Hdf5File file = Hdf5File::create(output.temporary(), output.path());
        layOut(file, info);
        file.close();
    }
    takeSpace(output.temporary(), output.path());
    return {Hdf5File::openForFilling(output.temporary(), output.path()), info};
}

TraceWriter TraceWriter::resume(const fs::path& path, const TraceInfo& info) {
    Hdf5File file = Hdf5File::openForFilling(path);
    const StoredTrace there = readStoredTrace(file);
    std::string what = captureDifference(there.info, info);
    if (what.empty() && there.info.rows != info.rows) what = "rows";
    if (!what.empty())
        throw Error(ErrorCode::Mismatch,
                    fmt::format("{} cannot be resumed: its {} {} not what this capture has; give the same "
                                "model, prompts and options, or "
                                "another output",
                                path.string(), what, what.ends_with('s') ? "are" : "is"),
                    path.string());
    return {std::move(file), info};
}

void TraceWriter::writeBox(const TraceBox& box, const float* states) {
    const std::vector<std::int64_t> start{box.row, box.point, box.unit},
        extent{box.rows, box.points, box.units};
    if (m_bfloat16) {
        std::vector<std::uint16_t> bits(static_cast<std::size_t>(box.rows * box.points * box.units));
        std::transform(states, states + bits.size(), bits.begin(), toBfloat16);
        m_file.writeBox(tf::residual, start, extent, bits.data());
        writeDigests(box, reinterpret_cast<const std::byte*>(bits.data()));
    } else {
        m_file.writeBox(tf::residual, start, extent, states);
        writeDigests(box, reinterpret_cast<const std::byte*>(states));
    }
}

void TraceWriter::writeDigests(const TraceBox& box, const std::byte* values) {
    if (!m_hasDigests) return;  // a file of version 1 that is gone on with
    const auto whole = [](std::int64_t first, std::int64_t count, std::int64_t size, std::int64_t all) {
        return first % size == 0 && ((first + count) % size == 0 || first + count == all);
    };
    if (!whole(box.point, box.points, m_pieces.points, m_points) ||
        !whole(box.unit, box.units, m_pieces.units, m_units))
        throw Error(ErrorCode::InvalidArgument, "a box of states must begin and end where chunks do");
    const std::int64_t bytes = m_bfloat16 ? 2 : 4, stride = box.units * bytes;
    std::vector<std::uint64_t> digests;
    for (std::int64_t n = 0; n < box.rows; ++n)
        for (std::int64_t p = 0; p < box.points; p += m_pieces.points)
            for (std::int64_t u = 0; u < box.units; u += m_pieces.units)
                digests.push_back(pieceDigest(values + (n * box.points + p) * stride + u * bytes,
                                              std::min(m_pieces.points, box.points - p),
                                              std::min(m_pieces.units, box.units - u) * bytes, stride));
    const auto groups = [](std::int64_t count, std::int64_t size) { return (count + size - 1) / size; };
    m_file.writeBox(tf::residualDigests, {box.row, box.point / m_pieces.points, box.unit / m_pieces.units},
                    {box.rows, groups(box.points, m_pieces.points), groups(box.units, m_pieces.units)},
                    digests.data());
}

void TraceWriter::markComplete(RowIndex first, std::int64_t count) {
    m_file.flush();
    const std::vector<std::uint8_t> marks(static_cast<std::size_t>(count), 1);
    m_file.writeBox(tf::rowComplete, {first.value()}, {count}, marks.data());
    m_file.flush();
}

void TraceWriter::writeRows(RowIndex first, std::int64_t count, const float* states) {
    writeBox({first.value(), count, 0, m_points, 0, m_units}, states);
    markComplete(first, count);
}

void TraceWriter::close() {
    m_file.close();
}

}  // namespace rheo
