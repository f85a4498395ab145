#include "machine/io/machine_store.h"

#include <cerrno>
#include <filesystem>

#include "machine/core/environment.h"
#include "machine/core/shim_spec.h"
#include "machine/io/atomic_file.h"

namespace sixpn::machine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kGone = ".gone";  // being removed

template <class T>
std::optional<T> read_optional(const std::string& path, Result<T> (*decode)(std::string_view)) {
  auto text = read_file(path, kMaxMachineFileBytes);
  if (!text) return std::nullopt;
  auto value = decode(*text);
  return value ? std::optional<T>(std::move(*value)) : std::nullopt;
}

Result<void> make_folder(const std::string& path) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (failed) return Error::from_errno("making " + path, failed.value());
  fs::permissions(path, fs::perms::owner_all, failed);
  return {};
}

void remove_tree(const std::string& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

std::string free_name(const std::string& wanted) {
  std::error_code ignored;
  std::string name = wanted;
  for (int i = 2; fs::exists(name, ignored); ++i) name = wanted + "." + std::to_string(i);
  return name;
}

Result<void> write_files(const MachineFile& file, const std::string& folder) {
  const std::pair<std::string, std::string> files[] = {
      {"/resolv.conf", make_resolv_conf(file.process.resolver)},
      {"/hosts", make_hosts(file)},
      {"/machine.json", encode(file)},
  };
  if (auto made = make_folder(folder + "/" + std::string(kEtcMountPoint)); !made) return made;
  for (const auto& [name, text] : files)
    if (auto written = write_file_atomically(folder + name, text, Durability::kDisk); !written)
      return written;
  return {};
}

}  // namespace

Result<MachineStore::Loaded> MachineStore::load() {
  if (auto made = make_folder(root_); !made) return made.error();
  std::error_code failed;
  std::vector<std::string> names;
  for (fs::directory_iterator at(root_, failed), end; !failed && at != end; at.increment(failed))
    names.push_back(at->path().filename());
  if (failed) return Error::from_errno("reading " + root_, failed.value());
  Loaded loaded;
  for (const auto& name : names) {
    if (name.ends_with(kGone)) remove_tree(root_ + "/" + name);
    if (auto id = parse_machine_id(name)) load_folder(*id, loaded);
  }
  return loaded;
}

void MachineStore::load_folder(MachineId id, Loaded& loaded) const {
  auto path = folder(id) + "/machine.json";
  auto text = read_file(path, kMaxMachineFileBytes);
  if (!text && text.error().code == ENOENT) {
    // A creation that was cut off: nothing was started, nobody was told of it.
    loaded.broken.push_back({id, std::nullopt, path + " was never written", ""});
    remove_tree(folder(id));
    return;
  }
  auto file = text ? decode_machine_file(*text) : Result<MachineFile>(text.error());
  if (file && file->id != id) file = Error("\"id\" is another machine's");
  if (!file) {
    loaded.broken.push_back(set_aside(id, path + ": " + file.error().message));
    return;
  }
  loaded.machines.push_back({std::move(*file),
                             read_optional(folder(id) + "/shim.json", decode_shim_file),
                             read_optional(folder(id) + "/exit.json", decode_exit_file)});
}

BrokenMachine MachineStore::set_aside(MachineId id, const std::string& why) const {
  BrokenMachine broken{id, read_optional(folder(id) + "/shim.json", decode_shim_file), why,
                       free_name(folder(id) + ".broken")};
  std::error_code failed;
  fs::rename(folder(id), broken.moved_to, failed);
  if (failed) broken.moved_to = folder(id);
  return broken;
}

Result<void> MachineStore::create(const MachineFile& file) {
  auto written = write_files(file, folder(file.id));
  if (written)
    sync_folder(root_);
  else
    remove_tree(folder(file.id));
  return written;
}

Result<void> MachineStore::save(const MachineFile& file) {
  return write_file_atomically(folder(file.id) + "/machine.json", encode(file), Durability::kDisk);
}

// A process does not survive a power cut, so its files need not either.
Result<void> MachineStore::save_shim(MachineId id, const ShimFile& file) {
  return write_file_atomically(folder(id) + "/shim.json", encode(file), Durability::kProcess);
}

Result<void> MachineStore::save_exit(MachineId id, const ExitFile& file) {
  return write_file_atomically(folder(id) + "/exit.json", encode(file), Durability::kProcess);
}

std::optional<ExitFile> MachineStore::read_exit(MachineId id) const {
  return read_optional(folder(id) + "/exit.json", decode_exit_file);
}

void MachineStore::clear_run(MachineId id) {
  std::error_code failed;
  fs::remove(folder(id) + "/shim.json", failed);
  fs::remove(folder(id) + "/exit.json", failed);
  auto size = fs::file_size(log_path(id), failed);
  if (!failed && size > kMaxLogBytes) fs::rename(log_path(id), log_path(id) + ".1", failed);
}

Result<void> MachineStore::remove(MachineId id) {
  std::error_code failed;
  auto gone = folder(id) + std::string(kGone);
  fs::rename(folder(id), gone, failed);
  if (failed && failed != std::errc::no_such_file_or_directory)
    return Error::from_errno("removing " + folder(id), failed.value());
  remove_tree(gone);
  return {};
}

}  // namespace sixpn::machine
