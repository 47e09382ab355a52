// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

/**
 * A device as the router offers it.
 *
 * @param worker position of its worker among those of the router
 * @param device its number there
 */
public record RoutedDevice(int worker, int device) {}
