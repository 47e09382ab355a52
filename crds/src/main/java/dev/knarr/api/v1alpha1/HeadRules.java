// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Rules of {@code spec.head}, {@code spec.network} and {@code spec.recovery}. */
final class HeadRules {
  /**
   * What the plan, the supervisor or another field of the spec sets; all spellings of llama-server
   * 0.7.0. Refused rather than overridden: two values would make the status a lie.
   */
  private static final String OWNED =
      "-h --help --usage --version -cl --cache-list --list-devices"
          + " -m --model -mu --model-url -dr --docker-repo -hf -hfr --hf-repo -hff --hf-file"
          + " --models-dir --models-preset -a --alias"
          + " --rpc -dev --device -ngl --gpu-layers --n-gpu-layers -sm --split-mode"
          + " -ts --tensor-split -mg --main-gpu -fit --fit -fitt --fit-target -fitc --fit-ctx"
          + " -ot --override-tensor -cmoe --cpu-moe -ncmoe --n-cpu-moe -ncffn --n-cpu-ffn"
          + " -kvo --kv-offload -nkvo --no-kv-offload"
          + " -c --ctx-size -np --parallel -kvu --kv-unified -no-kvu --no-kv-unified"
          + " --kv-unified-per-slot -ctk --cache-type-k -ctv --cache-type-v -fa --flash-attn"
          + " --swa-full -cram --cache-ram -ctxcp --ctx-checkpoints --swa-checkpoints"
          + " -md --model-draft --spec-draft-model -hfd -hfrd --hf-repo-draft --spec-draft-hf"
          + " -devd --device-draft --spec-draft-device"
          + " -ngld --gpu-layers-draft --n-gpu-layers-draft --spec-draft-ngl"
          + " -mm --mmproj -mmu --mmproj-url"
          + " --host --port --reuse-port --api-prefix --api-key --api-key-file"
          + " --ssl-key-file --ssl-cert-file --metrics --slots --no-slots";

  private static final Set<String> OWNED_ARGUMENTS = Set.of(OWNED.split(" "));

  /** {@link #owned} in CEL. */
  static final String NOT_OWNED =
      "!(self.split('=')[0].split(' ')[0].replace('_', '-') in '" + OWNED + "'.split(' '))";

  private HeadRules() {}

  static void check(@Nullable HeadSpec head, RuleChecks found) {
    if (head == null) {
      return;
    }
    WorkerRules.checkDevices("spec.head.devices", head.getDevices(), found);
    var args = head.getArgs();
    if (args != null) {
      for (int i = 0; i < args.size(); i++) {
        if (owned(args.get(i))) {
          found.add("spec.head.args[" + i + "]", Sentences.HEAD_ARGUMENT);
        }
      }
    }
    found.secret("spec.head.apiKeySecretRef", head.getApiKeySecretRef());
    var service = head.getService();
    if (service != null) {
      found.range("spec.head.service.port", service.getPort(), 1, 65_535, Sentences.PORT);
    }
    found.range("spec.head.drainSeconds", head.getDrainSeconds(), 0, 3600, Sentences.DRAIN_SECONDS);
  }

  /** llama-server takes {@code --ctx_size} for {@code --ctx-size}; {@code =} is refused too. */
  private static boolean owned(String argument) {
    return OWNED_ARGUMENTS.contains(argument.split("[= ]", 2)[0].replace('_', '-'));
  }

  static void checkNetwork(@Nullable NetworkSpec network, RuleChecks found) {
    var tls = network == null ? null : network.getTls();
    if (tls == null) {
      return;
    }
    long named = RuleChecks.count(tls.getHeadSecretName(), tls.getWorkersSecretName());
    if (tls.getMode() == TlsMode.SECRET && named < 2) {
      found.add("spec.network.tls", Sentences.TLS_SECRETS);
    }
    if (tls.getMode() != TlsMode.SECRET && named > 0) {
      found.add("spec.network.tls", Sentences.TLS_UNUSED);
    }
  }

  static void checkRecovery(@Nullable RecoverySpec recovery, RuleChecks found) {
    if (recovery != null) {
      found.range(
          "spec.recovery.replanAfterSeconds",
          recovery.getReplanAfterSeconds(),
          1,
          86_400,
          Sentences.REPLAN_AFTER_SECONDS);
    }
  }
}
