// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What one worker has shown. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class WorkerStatus {
  /** The worker: a100-0. */
  private @Nullable String name;

  /**
   * Waiting: not proven yet. Proven: a probe graph has run on each device. Lost: it was proven and
   * does not answer.
   */
  private @Nullable String state;

  /** The protocol version it speaks: 8.0.0. */
  private @Nullable String protocol;

  /** Its devices. */
  private @Nullable List<WorkerDeviceStatus> devices;

  /** How much of its weights it had already, 0 to 100. */
  private @Nullable Integer cachedPercent;

  /** How much of its weights it has received, 0 to 100; absent when loaded. */
  private @Nullable Integer loadPercent;

  /** When it last answered; of a lost worker only. */
  private @Nullable String lastSeen;

  /** Why it is not proven; of such a worker only. */
  private @Nullable String message;

  public @Nullable String getName() {
    return name;
  }

  public void setName(@Nullable String name) {
    this.name = name;
  }

  public @Nullable String getState() {
    return state;
  }

  public void setState(@Nullable String state) {
    this.state = state;
  }

  public @Nullable String getProtocol() {
    return protocol;
  }

  public void setProtocol(@Nullable String protocol) {
    this.protocol = protocol;
  }

  public @Nullable List<WorkerDeviceStatus> getDevices() {
    return devices;
  }

  public void setDevices(@Nullable List<WorkerDeviceStatus> devices) {
    this.devices = devices;
  }

  public @Nullable Integer getCachedPercent() {
    return cachedPercent;
  }

  public void setCachedPercent(@Nullable Integer cachedPercent) {
    this.cachedPercent = cachedPercent;
  }

  public @Nullable Integer getLoadPercent() {
    return loadPercent;
  }

  public void setLoadPercent(@Nullable Integer loadPercent) {
    this.loadPercent = loadPercent;
  }

  public @Nullable String getLastSeen() {
    return lastSeen;
  }

  public void setLastSeen(@Nullable String lastSeen) {
    this.lastSeen = lastSeen;
  }

  public @Nullable String getMessage() {
    return message;
  }

  public void setMessage(@Nullable String message) {
    this.message = message;
  }
}
