// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadReason;
import dev.knarr.plan.DeviceCapacity;
import dev.knarr.plan.DevicePlan;
import dev.knarr.plan.SplitPlan;
import dev.knarr.plan.WireStop;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A device of llama-server itself: a GPU of the head's machine. In a cluster they are called {@code
 * head/0}, {@code head/1} … in llama-server's order. Immutable.
 *
 * @param llamaName llama-server's name, such as {@code CUDA0}
 * @param description what it is
 * @param freeBytes memory it offered
 * @param totalBytes memory it has
 */
record HeadDevice(String llamaName, String description, long freeBytes, long totalBytes) {

  private static final Pattern LISTED =
      Pattern.compile("^\\s*(?!RPC\\d)(\\S+): (.*) \\((\\d{1,9}) MiB, (\\d{1,9}) MiB free\\)$");

  private static final String PREFIX = WireStop.HEAD + "/";

  /** Returns the devices in what {@code --list-devices} printed, without those of workers. */
  static List<HeadDevice> listed(List<String> lines) {
    return lines.stream()
        .map(LISTED::matcher)
        .filter(Matcher::matches)
        .map(
            found ->
                new HeadDevice(
                    found.group(1),
                    found.group(2),
                    Long.parseLong(found.group(4)) << 20,
                    Long.parseLong(found.group(3)) << 20))
        .toList();
  }

  /** Whether a device of a split is one of the head. */
  static boolean isName(String device) {
    return device.startsWith(PREFIX);
  }

  static List<DeviceCapacity> capacities(List<HeadDevice> devices) {
    List<DeviceCapacity> capacities = new ArrayList<>();
    for (HeadDevice device : devices) {
      capacities.add(
          new DeviceCapacity(
              PREFIX + capacities.size(),
              device.description(),
              device.freeBytes(),
              device.totalBytes()));
    }
    return capacities;
  }

  /**
   * The devices of the head that a plan uses, by llama-server's names.
   *
   * @param first before those of workers
   * @param last after them
   */
  record AtEnds(List<String> first, List<String> last) {
    static final AtEnds NONE = new AtEnds(List.of(), List.of());

    static AtEnds of(SplitPlan plan, List<HeadDevice> devices) {
      List<String> first = new ArrayList<>();
      List<String> last = new ArrayList<>();
      boolean workers = false;
      for (DevicePlan device : plan.devices()) {
        if (device.ofLlamaServer()) {
          int number = Integer.parseInt(device.name().substring(PREFIX.length()));
          (workers ? last : first).add(devices.get(number).llamaName());
        } else if (!device.onHeadProcessor()) {
          workers = true;
        }
      }
      return new AtEnds(List.copyOf(first), List.copyOf(last));
    }
  }

  /**
   * Refuses devices of the head in places where everything would go up to them and down again.
   *
   * @throws HeadException with {@link HeadReason#CONFIG_INVALID}
   */
  static void check(HeadConfig.Split split) {
    List<String> names = split.devices().stream().map(HeadConfig.SplitDevice::name).toList();
    int first = 0;
    while (first < names.size() && isName(names.get(first))) {
      first++;
    }
    int last = names.size();
    while (last > first && isName(names.get(last - 1))) {
      last--;
    }
    List<String> between = names.subList(first, last).stream().filter(HeadDevice::isName).toList();
    if (!between.isEmpty()) {
      throw new HeadException(
          HeadReason.CONFIG_INVALID,
          "split.devices has %s between workers, so that every token would go over the head twice. Put the head's devices first or last."
              .formatted(String.join(", ", between)));
    }
    if (!names.isEmpty() && names.stream().allMatch(HeadDevice::isName)) {
      throw new HeadException(
          HeadReason.CONFIG_INVALID,
          "split.devices names devices of the head only (%s), so that no worker would have anything to do. Name a worker's device, too."
              .formatted(String.join(", ", names)));
    }
  }
}
