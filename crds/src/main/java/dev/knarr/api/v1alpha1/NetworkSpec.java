// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyPeer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Encryption between head and workers, and who may connect. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public class NetworkSpec {
  /** Encryption between head and workers. Default Managed. */
  @Default("{}")
  private @Nullable TlsSpec tls;

  /**
   * Managed makes NetworkPolicies that admit head, fellow workers, operator and clients only;
   * Disabled makes none. Default Managed.
   */
  @Default("Managed")
  private @Nullable PolicyMode policy;

  /** Who may reach the endpoint. Default: the pods of the namespace. */
  private @Nullable List<NetworkPolicyPeer> clients;

  public @Nullable TlsSpec getTls() {
    return tls;
  }

  public void setTls(@Nullable TlsSpec tls) {
    this.tls = tls;
  }

  public @Nullable PolicyMode getPolicy() {
    return policy;
  }

  public void setPolicy(@Nullable PolicyMode policy) {
    this.policy = policy;
  }

  public @Nullable List<NetworkPolicyPeer> getClients() {
    return clients;
  }

  public void setClients(@Nullable List<NetworkPolicyPeer> clients) {
    this.clients = clients;
  }
}
