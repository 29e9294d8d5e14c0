// Captures by libpcap. See pcap_file.h.
#include "tools/pcap_file.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tools/output.h"

namespace skep {
namespace {

constexpr int kSnapLength = 262144;  // tcpdump's

struct ClosePcap {
  void operator()(pcap_t* pcap) const { pcap_close(pcap); }
};

std::unique_ptr<pcap_t, ClosePcap> open_capture(const std::string& path) {
  if (path == "-") claim_stdin("--pcap -");
  std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  if (file == nullptr) raise<Code::file_unreadable>(path, std::strerror(errno));
  char reason[PCAP_ERRBUF_SIZE] = "";
  pcap_t* pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, reason);
  if (pcap == nullptr) {
    if (file != stdin) std::fclose(file);
    raise<Code::bad_capture>(path, reason);
  }
  return std::unique_ptr<pcap_t, ClosePcap>(pcap);
}

bool is_raw_ip(int link_type) {
  return link_type == DLT_RAW || link_type == DLT_IPV4 || link_type == DLT_IPV6;
}

}  // namespace

Capture read_capture(const std::string& path) {
  const auto pcap = open_capture(path);
  const int link_type = pcap_datalink(pcap.get());
  if (link_type != DLT_EN10MB && !is_raw_ip(link_type)) {
    const char* name = pcap_datalink_val_to_name(link_type);
    raise<Code::capture_link_type>(path, name != nullptr ? name : std::to_string(link_type));
  }
  Capture capture;
  capture.raw_ip = is_raw_ip(link_type);
  std::size_t total = 0;
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  int status;
  while ((status = pcap_next_ex(pcap.get(), &header, &bytes)) == 1) {
    total += header->caplen + sizeof(CapturedPacket);
    if (total > kMaxInput) raise<Code::file_too_large>(path, kMaxInput);
    // With nanosecond precision tv_usec holds nanoseconds.
    const u64 time =
        static_cast<u64>(header->ts.tv_sec) * 1'000'000'000 + static_cast<u64>(header->ts.tv_usec);
    capture.packets.push_back({time, header->len, Buffer(bytes, bytes + header->caplen)});
  }
  if (status == PCAP_ERROR) {
    raise<Code::bad_capture>(
        path, fmt::format("after {} packets: {}", capture.packets.size(), pcap_geterr(pcap.get())));
  }
  return capture;
}

struct CaptureWriter::Handles {
  pcap_t* pcap = nullptr;
  pcap_dumper_t* dumper = nullptr;
};

void CaptureWriter::Free::operator()(Handles* handles) const {
  if (handles->dumper != nullptr) pcap_dump_close(handles->dumper);
  if (handles->pcap != nullptr) pcap_close(handles->pcap);
  delete handles;
}

CaptureWriter::CaptureWriter(const std::string& path, bool raw_ip)
    : path_(path), handles_(new Handles) {
  if (path == "-") raise<Code::usage>("--pcap-out needs a file: stdout is for the report");
  handles_->pcap = pcap_open_dead_with_tstamp_precision(raw_ip ? DLT_RAW : DLT_EN10MB, kSnapLength,
                                                        PCAP_TSTAMP_PRECISION_NANO);
  if (handles_->pcap == nullptr) throw std::bad_alloc();
  handles_->dumper = pcap_dump_open(handles_->pcap, path.c_str());
  if (handles_->dumper == nullptr) {
    const std::string reason = pcap_geterr(handles_->pcap);  // begins with the path
    raise<Code::file_unwritable>(
        path, reason.starts_with(path + ": ") ? reason.substr(path.size() + 2) : reason);
  }
}

void CaptureWriter::write(u64 nanoseconds, std::span<const u8> bytes) {
  pcap_pkthdr header{};
  header.ts.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000);
  header.ts.tv_usec = static_cast<suseconds_t>(nanoseconds % 1'000'000'000);
  header.caplen = header.len = static_cast<u32>(bytes.size());
  pcap_dump(reinterpret_cast<u_char*>(handles_->dumper), &header, bytes.data());
}

void CaptureWriter::close() {
  if (pcap_dump_flush(handles_->dumper) != 0 ||
      std::ferror(pcap_dump_file(handles_->dumper)) != 0) {
    raise<Code::file_unwritable>(path_, std::strerror(errno));
  }
}

Buffer with_ethernet(std::span<const u8> ip_packet) {
  constexpr std::size_t kHeader = 14;
  Buffer frame(kHeader + ip_packet.size());
  const bool version6 = !ip_packet.empty() && ip_packet[0] >> 4 == 6;
  frame[12] = version6 ? 0x86 : 0x08;
  frame[13] = version6 ? 0xdd : 0x00;
  std::ranges::copy(ip_packet, frame.begin() + kHeader);
  return frame;
}

}  // namespace skep
