#pragma once

// Names in a trace file, version 2. Private to the reader and the writer.

namespace rheo::trace_format {

inline constexpr const char* format = "rheograph-trace";
/// 1: strings of variable length, no seal, no digests. 2: as resources/help/trace_format.md says.
inline constexpr long long version = 2;
inline constexpr const char* residual = "/residual";
inline constexpr const char* residualDigests = "/digests/residual";
inline constexpr const char* shardFile = "/shards/file";
inline constexpr const char* shardDigest = "/shards/digest";
inline constexpr const char* points = "/points";
inline constexpr const char* pointBlock = "/points/block";
inline constexpr const char* pointSite = "/points/site";
inline constexpr const char* rowSample = "/rows/sample";
inline constexpr const char* rowPosition = "/rows/position";
inline constexpr const char* rowToken = "/rows/token_id";
inline constexpr const char* rowComplete = "/rows/complete";
inline constexpr const char* sampleText = "/samples/text";
inline constexpr const char* sampleTokens = "/samples/token_ids";
inline constexpr const char* sampleFirst = "/samples/first_token";
inline constexpr const char* samples = "/samples";
inline constexpr const char* model = "/model";

}  // namespace rheo::trace_format
