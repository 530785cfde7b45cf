#include "orders.h"

int main(int argc, char **argv)
{
	return lanes_main(argc, argv, &orders);
}
